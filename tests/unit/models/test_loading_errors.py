import pytest

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.errors import MissingModelError
from synthetic_instruction_tuner.models.loading_errors import explain
from synthetic_instruction_tuner.models.reference import local_folder

MODEL = ModelConfig(name="org/model", revision="v2")


def raised(kind: str, text: str = "x") -> OSError:
    """An error as transformers raises it: an OSError with the Hub's own error as its cause."""
    cause = type(kind, (Exception,), {})("hub")
    error = OSError(text)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (
            raised("GatedRepoError"),
            "is gated: accept its licence at https://huggingface.co/org/model",
        ),
        (raised("RevisionNotFoundError"), "has no revision 'v2'"),
        (raised("RepositoryNotFoundError"), "is not on the Hub, or private"),
        (raised("LocalEntryNotFoundError"), "the Hub cannot be reached"),
        (raised("ConnectError"), "the Hub cannot be reached"),
        (OSError("no file named model.safetensors"), "pickled weights are never opened"),
        (OSError("disk on fire"), "cannot be loaded: disk on fire"),
        (KeyError("added_tokens"), "its files are damaged: KeyError: 'added_tokens'"),
    ],
)
def test_every_error_says_what_to_do(error, advice):
    message = explain(MODEL, error)
    assert message.startswith("model 'org/model' ")
    assert advice in message


def test_a_gguf_file_or_folder_is_refused_by_name_and_says_what_to_give(tmp_path):
    file = tmp_path / "SmolLM2.Q4_1.GGUF"
    for name in (str(file), "models/some.gguf"):
        with pytest.raises(MissingModelError, match=f"{name!r} is GGUF.*engine=completions"):
            local_folder(ModelConfig(name=name))
    (tmp_path / "SmolLM2.Q4_1.gguf").touch()
    with pytest.raises(MissingModelError, match="is GGUF"):
        local_folder(ModelConfig(name=str(tmp_path)))
    (tmp_path / "config.json").touch()
    assert local_folder(ModelConfig(name=str(tmp_path))) == tmp_path


def test_a_gguf_repository_is_named_where_its_safetensors_are_missed():
    model = ModelConfig(name="org/Model-3B-GGUF")
    assert "is GGUF" in explain(model, OSError("no file named model.safetensors"))
