"""Old names in files that earlier versions wrote, and what they are called now."""
from typing import Any

RENAMED = {
    "measurement": "measurement_precision",
    "sampler_states": "rollout",
    "keeps": "data_consistency",
    "identity": "class_accuracy",
    "identity_interval": "class_accuracy_interval",
}


def current_names(record: dict[str, Any]) -> dict[str, Any]:
    """Rename the keys of one record; as `object_hook` of json.loads, those at every level."""
    return {RENAMED.get(name, name): value for name, value in record.items()}
