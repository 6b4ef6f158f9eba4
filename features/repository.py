"""What `feast -c features apply` finds: Feast looks for its objects in the variables of modules."""

# Feast puts this folder on the path, not the one above it.
from definitions import define, published_folder

_definitions = define(published_folder())
user, item = _definitions.entities
user_features, item_features = _definitions.feature_views
ranker = _definitions.feature_service
