{#- Nobody is named in the Open Bandit logs: whoever was shown something is a user of their own. -#}
{% macro open_bandit_id() -%}
    campaign || '/' || behavior_policy || '/' || source_row
{%- endmacro %}
