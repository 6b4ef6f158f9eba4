"""A way into Apache Superset: a dashboard to import, and a Superset to look at it with."""
