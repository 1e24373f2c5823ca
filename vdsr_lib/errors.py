"""The library's own exceptions: each names what came in and what was wanted."""


class VdsrError(Exception):
    """Root of every error that the library raises on purpose."""


class InputError(VdsrError, ValueError):
    """An argument has a wrong shape, type, range or value."""


class ImageError(VdsrError):
    """A file is missing, is no image, or cannot be read or written as one."""


class DataError(VdsrError):
    """A data set or a file of one cannot be had."""


class ChecksumError(DataError):
    """A file's SHA-256 is not the one in the registry; the file was not kept."""


class WeightsError(VdsrError):
    """Weights cannot be read, or do not fit the network."""


class ExportError(VdsrError):
    """A network cannot be written in another format."""


class TrainingError(VdsrError):
    """A training run cannot start, go on, or be resumed."""


class DivergedError(TrainingError):
    """The loss left the finite numbers; the record so far is in `history`, and in `stretches` where it ran."""

    def __init__(self, message: str, history: list[dict] | None = None, stretches: list[dict] | None = None):
        super().__init__(message)
        self.history = history or []
        self.stretches = stretches or []
