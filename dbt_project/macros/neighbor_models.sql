{#- Source → the model that says which items lead to which, of the sources that run. -#}
{% macro neighbor_models() -%}
    {#- Similar items are made of item_neighbors, whether cooccurrence proposes or not. -#}
    {%- set models = {'cooccurrence': 'item_neighbors'} -%}
    {%- for source, model in {
        'transitions': 'item_transitions', 'rp3beta': 'rp3beta_neighbors',
    }.items() if source in active_sources() -%}
        {%- do models.update({source: model}) -%}
    {%- endfor -%}
    {%- do return(models) -%}
{%- endmacro %}
