{#-
    A Python literal of dictionaries, lists, texts, numbers, True, False and None, on one line, as
    JSON text. What is no such literal comes out as text that is not JSON either. The quotes decide
    what is inside a text, so escaped backslashes and quotes are put away first, as characters that
    no literal holds: 1 is a backslash, 2 an apostrophe, 3 a double quote.
    JSON has no escape for a character beyond the first 65,536 (an emoji): it becomes U+FFFD.
-#}
{% macro python_literal_to_json(literal) -%}
    {{ return(adapter.dispatch('python_literal_to_json', 'foryou')(literal)) }}
{%- endmacro %}

{% macro default__python_literal_to_json(literal) -%}
    {#- Texts in either kind of quotes, what stands between texts, and a quote left alone. -#}
    {%- set pieces -%}
        regexp_extract_all(
            replace(replace(replace({{ literal }}, '\\', chr(1)), '\''', chr(2)), '\"', chr(3)),
            '''[^'']*''|"[^"]*"|[^''"]+|[''"]'
        )
    {%- endset -%}
    {%- set json_pieces -%}
        list_transform(
            {{ pieces }},
            lambda piece: case
                when piece[1] = '"' then piece
                when piece[1] = '''' and piece[-1] = '''' and len(piece) > 1
                    then '"' || replace(piece[2:-2], '"', '\"') || '"'
                else replace(replace(replace(piece, 'True', 'true'), 'False', 'false'), 'None', 'null')
            end
        )
    {%- endset -%}
    replace(
        replace(
            replace(
                regexp_replace(
                    regexp_replace(
                        array_to_string({{ json_pieces }}, ''), '\\x([0-9a-fA-F]{2})', '\\u00\1', 'g'
                    ),
                    '\\U[0-9a-fA-F]{8}', '\\ufffd', 'g'
                ),
                chr(1), '\\'
            ),
            chr(2), ''''
        ),
        chr(3), '\"'
    )
{%- endmacro %}
