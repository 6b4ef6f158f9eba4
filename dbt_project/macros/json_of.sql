{#- Name → expression, as a JSON object of those that are known; null where none of them is. -#}
{% macro json_of(facts) -%}
    {{ return(adapter.dispatch('json_of', 'foryou')(facts)) }}
{%- endmacro %}

{#- A merge patch leaves out what is null (RFC 7396). -#}
{% macro default__json_of(facts) -%}
    nullif(json_merge_patch('{}', json_object(
        {%- for name, expression in facts.items() -%}
            '{{ name }}', {{ expression }}{{ ', ' if not loop.last }}
        {%- endfor -%}
    )), '{}')
{%- endmacro %}
