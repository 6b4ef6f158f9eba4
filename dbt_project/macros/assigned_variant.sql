{#-
    The variant of an experiment that a user falls into, as SQL, from the user's id alone: the same in every
    build, warehouse and language that has MD5. `its` is what the var `experiments` says of it, with
    shares. Null: the user is not part of it.

    Experiments of one layer exclude each other: each has its own range of the layer, from and to between 0
    and 1, and nobody falls into two. Layers are independent of each other, and so are the variants of
    one experiment from those of another, by the names and `salt` that are hashed with the id. Variants
    share the draw in the order of their names, however they are written down.
-#}
{% macro assigned_variant(user_id, experiment, its) -%}
    {%- set salt = its.salt | default('', true) -%}
    {%- set draw = uniform_draw(user_id, quoted('variant of ' ~ experiment ~ salt)) -%}
    {%- set from, to = its.layer_range or [0, 1] -%}
    {%- set place = uniform_draw(user_id, quoted('layer ' ~ (its.layer or experiment))) -%}
    {%- set total = its.shares.values() | sum -%}
    {%- set ns = namespace(to=0) -%}
    case
        when {{ place }} < {{ from }} or {{ place }} >= {{ to }} then null
        {%- for variant, share in its.shares | dictsort %}
        {%- set ns.to = ns.to + share / total %}
        {{ 'else ' if loop.last else 'when ' ~ draw ~ ' < ' ~ ns.to ~ ' then ' }}{{ quoted(variant) }}
        {%- endfor %}
    end
{%- endmacro %}
