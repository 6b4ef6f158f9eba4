"""The learning code: one method a module, Arrow tables in, Arrow tables out, no dbt."""
