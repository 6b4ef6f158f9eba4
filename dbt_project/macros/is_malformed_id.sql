{#- Whether an id could not be told apart or printed: control characters, or far too long. -#}
{% macro is_malformed_id(id) -%}
    (length({{ id }}) > {{ var('max_id_length') }} or regexp_matches({{ id }}, '[\x00-\x1f\x7f]'))
{%- endmacro %}
