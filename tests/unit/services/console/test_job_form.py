"""What a contract says against a body, at the fields of the form."""

from nightshift.console.sending.job_form import FieldError, errors_in


def test_what_is_wrong_stands_at_its_field_without_its_place() -> None:
    """A place within the field is told; so is what belongs to no field."""
    assert errors_in("Expected `str`, got `int` - at `$.to`") == [FieldError("to", "Expected `str`, got `int`")]
    assert errors_in("Expected `str`, got `int` - at `$.to[3]`") == [
        FieldError("to", "Expected `str`, got `int` - at `$.to[3]`")
    ]
    assert errors_in("Object missing required field `to`") == [FieldError("", "Object missing required field `to`")]
