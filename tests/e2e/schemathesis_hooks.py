"""Facts about the collector that its OpenAPI document does not contain. Loaded by schemathesis, not by pytest."""

import schemathesis


@schemathesis.hook
def map_body(context, body):
    """For JSON Schema 2.0 is an integer. The collector, as serde, accepts an integer only without a decimal point."""
    return whole(body)


def whole(value):
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: whole(member) for name, member in value.items()}
    if isinstance(value, list):
        return [whole(item) for item in value]
    return value
