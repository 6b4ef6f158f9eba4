"""What dbt-duckdb loads beside the models, by the list `plugins` of profiles.yml."""
