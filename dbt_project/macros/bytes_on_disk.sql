{#-
    What a table takes of the database's file, in bytes: every block that holds some of it, as a
    whole, so that 262,144 is the least. Only what a checkpoint wrote is counted.
-#}
{% macro bytes_on_disk(relation) -%}
    (
        select
            count(distinct block) * (
                select block_size from pragma_database_size() where database_name = current_database()
            )
        from (
            select unnest(list_append(additional_block_ids, block_id)) as block
            from pragma_storage_info({{ quoted(relation) }})
            where persistent
        )
        -- A column that is the same all over takes no block.
        where block >= 0
    )
{%- endmacro %}
