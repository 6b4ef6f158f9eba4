"""The online service: what was published, for a person who acted a second ago."""
