"""What schemathesis has to know of the collector beyond its document. Loaded by schemathesis, not by pytest."""

import schemathesis


@schemathesis.hook
def map_body(context, body):
    """JSON Schema takes 2.0 for an integer. The collector, as serde, reads an integer only without a decimal point."""
    return whole(body)


def whole(value):
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: whole(member) for name, member in value.items()}
    if isinstance(value, list):
        return [whole(item) for item in value]
    return value
