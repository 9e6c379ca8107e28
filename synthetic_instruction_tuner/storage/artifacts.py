"""Artifacts: identity, atomic commit, manifest, verified read.

An artifact is a folder of the workspace. Its identity says what it must contain; its manifest says
what it does contain, file by file with sha256. A folder without a valid manifest of the wanted
identity is not the artifact, whatever lies in it.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.errors import StageError, WorkspaceError
from synthetic_instruction_tuner.storage import claims, machine, plain, processes
from synthetic_instruction_tuner.storage.files import (
    TEMPORARY,
    digest,
    list_files,
    move,
    move_unique,
    sha256_of,
    slug,
    sync,
    write_json,
)
from synthetic_instruction_tuner.storage.manifests import (
    MANIFEST,
    SCHEMA,
    Manifest,
    find_damage,
    read_manifest,
    sealed,
    strays,
)

logger = logging.getLogger(__name__)

__all__ = ["MANIFEST", "Artifact", "ArtifactStore", "Manifest", "find_damage", "read_manifest"]


@dataclass(frozen=True)
class Artifact:
    """What a step produces, known before it runs.

    Attributes:
        stage: Stage that writes it ("generation", "filtering", ...).
        name: Unique name in the study, for people ("raw", "sft", "base/mmlu").
        folder: Where it lies, relative to the workspace, with forward slashes.
        version: The stage's VERSION constant: raised when the code changes what it writes.
        config: Exactly the settings that change its content. Never a clock, a path or a batch size.
        inputs: Artifacts it is made from.
    """

    stage: str
    name: str
    folder: str
    version: int
    config: Mapping[str, Any]
    inputs: Sequence[Artifact] = field(default_factory=tuple)

    @cached_property
    def identity(self) -> str:
        """Hash of stage, name, version, config and the identities of the inputs."""
        return digest(
            {
                "stage": self.stage,
                "name": self.name,
                "version": self.version,
                "config": self.config,
                "inputs": [one.identity for one in self.inputs],
            }
        )


class ArtifactStore:
    """Reads and writes the artifacts of one workspace.

    Args:
        root: The workspace folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, artifact: Artifact) -> Path:
        """Return where the committed artifact lies.

        Raises:
            WorkspaceError: If a name in the settings would lead out of the workspace.
        """
        path = self.root / artifact.folder
        if not Path(os.path.normpath(path)).is_relative_to(os.path.normpath(self.root)):
            raise WorkspaceError(f"{artifact.name!r} would lie outside of workspace {self.root}")
        return path

    def staging(self, artifact: Artifact) -> Path:
        """Return the artifact's folder of unfinished work, made if need be.

        It survives a kill, so long steps keep their checkpoints in it and go on from them. Only
        the holder of the artifact's claim may work in it.

        Raises:
            WorkspaceError: If it is or holds a link: what is written there would go elsewhere.
        """
        path = self._staging_path(artifact)
        path.mkdir(parents=True, exist_ok=True)
        plain.refuse_links_below(path)
        return path

    def _staging_path(self, artifact: Artifact) -> Path:
        name = f"{slug(artifact.name)}-{artifact.identity[:12]}"
        return self._own_folder(".unfinished") / name

    def _own_folder(self, name: str) -> Path:
        plain.refuse_link(self.root / name)
        return self.root / name

    def _own_path(self, artifact: Artifact) -> Path:
        path = self._staging_path(artifact)
        return path.with_name(f"{path.name}.{processes.process_name()}")

    def _finish_commit(self, artifact: Artifact, folder: Path) -> None:
        """Publish a staging folder that was complete when its process was killed."""
        staging = self._staging_path(artifact)
        manifest = read_manifest(staging)
        if manifest is None or manifest.identity != artifact.identity:
            return
        if find_damage(manifest) is None:
            self._publish(staging, folder, artifact)
        else:
            (staging / MANIFEST).unlink()

    def find(self, artifact: Artifact) -> Manifest | None:
        """Return the manifest if the artifact is there whole and unaltered, else None.

        Content of another identity stays where it is until it is replaced. Damaged content of
        this identity is set aside, and so are files that its manifest does not list, with a line
        in the log.
        """
        folder = self.folder(artifact)
        self._finish_commit(artifact, folder)
        manifest = read_manifest(folder)
        if manifest is None:
            if os.path.lexists(folder / MANIFEST):
                self.set_aside(folder, "its manifest cannot be read")
            return None
        if manifest.identity != artifact.identity:
            return None
        for stray in strays(manifest):
            self.set_aside(stray, "its artifact does not list it", "the rest is whole")
        damage = find_damage(manifest)
        if damage is not None:
            self.set_aside(folder, damage)
            return None
        return manifest

    def require(self, artifact: Artifact) -> Manifest:
        """Return the manifest of an artifact that must be there.

        Raises:
            StageError: If it is missing or damaged.
        """
        manifest = self.find(artifact)
        if manifest is None:
            raise StageError(
                f"{artifact.name} ({artifact.folder}) is missing or was damaged; "
                f"run the {artifact.stage} stage first"
            )
        return manifest

    def commit(self, artifact: Artifact, facts: Mapping[str, Any], seconds: float) -> Manifest:
        """Turn the staging folder into the artifact: hash, fsync, manifest, rename.

        If somebody else has finished the artifact meanwhile, theirs stays and ours is dropped.

        Args:
            artifact: The artifact whose staging folder is complete.
            facts: JSON values that readers need (counts, versions, measurements).
            seconds: Working time spent.

        Returns:
            The manifest as a reader will see it.

        Raises:
            WorkspaceError: If the lease or the claim on the artifact was lost; nothing is changed.
        """
        folder, own = self.folder(artifact), self._own_path(artifact)
        staging = own if own.is_dir() else self.staging(artifact)
        plain.refuse_links_below(staging)
        for torn in staging.rglob(f"*{TEMPORARY}"):  # of a writer that was killed
            torn.unlink()
        found = {path.relative_to(staging).as_posix(): path for path in list_files(staging)}
        files = {name: path for name, path in found.items() if name != MANIFEST}
        manifest = {
            "schema": SCHEMA,
            "stage": artifact.stage,
            "name": artifact.name,
            "identity": artifact.identity,
            "version": artifact.version,
            "config": artifact.config,
            "inputs": {one.name: one.identity for one in artifact.inputs},
            "facts": facts,
            "files": {name: sha256_of(path) for name, path in sorted(files.items())},
            "seconds": round(seconds, 3),
            "machine": machine.describe(),
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        for path in files.values():
            sync(path)
        claims.check(folder)
        write_json(staging / MANIFEST, sealed(manifest))
        self._publish(staging, folder, artifact)
        committed = read_manifest(folder)
        if committed is None:
            raise StageError(f"{folder} could not be read back after it was written")
        return committed

    def _publish(self, staging: Path, folder: Path, artifact: Artifact) -> None:
        """Rename; between the last look at the lease and that nothing else is done."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not self._is_whole(folder, artifact):
            claims.check(folder)
            if folder.exists():
                self._supersede(folder, artifact)
                claims.check(folder)
            try:
                move(staging, folder)
            except OSError:
                if not self._is_whole(folder, artifact):  # nobody was faster: a real fault
                    raise
        shutil.rmtree(staging, ignore_errors=True)
        sync(folder.parent)

    def _is_whole(self, folder: Path, artifact: Artifact) -> bool:
        found = read_manifest(folder)
        return bool(found and found.identity == artifact.identity and not find_damage(found))

    def _supersede(self, folder: Path, artifact: Artifact) -> None:
        """Move what another configuration left out of the way; it is kept until `tuner clean`."""
        manifest = read_manifest(folder)
        label = manifest.identity[:12] if manifest else "unknown"
        name = f"{slug(self._relative(folder))}-{label}"
        moved = move_unique(folder, self._own_folder(".superseded") / name)
        if self._is_whole(moved, artifact):  # finished elsewhere while this process was held up
            move(moved, folder)

    def set_aside(self, path: Path, why: str, then: str = "it will be made again") -> Path:
        """Move damaged content to `.set-aside`, never delete it; say so in the log.

        Raises:
            WorkspaceError: If the lease was lost: whoever has it may have mended it by now.
        """
        claims.check(path)
        target = move_unique(path, self._own_folder(".set-aside") / slug(self._relative(path)))
        logger.warning("%s was set aside as %s: %s; %s", path, target, why, then)
        return target

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    @contextmanager
    def writing(self, artifact: Artifact) -> Iterator[Path]:
        """Yield a clean staging folder for a step that is short enough to start over.

        It is this process's own, so two that make the same artifact never mix their files.
        Whatever dead processes left of this artifact is removed first. The caller commits.
        """
        staging, own = self._staging_path(artifact), self._own_path(artifact)
        others = staging.parent.glob(f"{staging.name}.*")
        for path in [staging, own, *filter(processes.is_left_behind, others)]:
            plain.refuse_link(path)
            shutil.rmtree(path, ignore_errors=True)
        own.mkdir(parents=True)
        yield own
