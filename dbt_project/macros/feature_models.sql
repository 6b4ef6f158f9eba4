{#-
    Model of features → what its columns are called in front of a ranker: users and items have some
    features of the same name.
-#}
{% macro feature_models() -%}
    {%- do return({'user_features': 'user_', 'item_features': 'item_', 'user_item_features': ''}) -%}
{%- endmacro %}
