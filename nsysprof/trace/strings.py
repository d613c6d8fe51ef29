"""The strings of a trace, and names as ids of them."""

import numpy as np

from nsysprof.trace.model import I32, I64

UNNAMED = "(unnamed)"
"""The text of names that StringIds does not hold."""

_SPARSE = 1 << 20  # ids may exceed the number of strings by that much


class Strings:
    """StringIds, with ids that any table can be indexed with: whole, small and never negative."""

    def __init__(self, texts: dict[int, str]) -> None:
        """Take the texts by id as the file has them."""
        self.in_file = texts
        """Text by id, as in StringIds."""
        if texts and (min(texts) < 0 or max(texts) > 4 * len(texts) + _SPARSE):
            index = {id_: position for position, id_ in enumerate(texts)}
        else:
            index = {id_: id_ for id_ in texts}
        self._index = index
        self.by_id: dict[int, str] = {index[id_]: text for id_, text in texts.items()}
        """Text by id as the loaded rows name it: the file's ids, or others where those are huge."""
        self._same = np.zeros(max(self.by_id, default=-1) + 1, bool)
        self._same[[id_ for id_, position in index.items() if id_ == position]] = True
        self._unnamed = -1

    def ids(self, in_file: I64 | I32) -> I32:
        """Return ids into ``by_id`` for ids as the file has them; what it does not hold is named UNNAMED."""
        if not len(in_file) or (
            in_file.min() >= 0 and in_file.max() < len(self._same) and self._same[in_file].all()
        ):
            return in_file.astype(np.int32, copy=False)
        distinct, inverse = np.unique(in_file, return_inverse=True)
        known = [self._index.get(id_, -1) for id_ in distinct.tolist()]
        if -1 in known and self._unnamed < 0:
            self._unnamed = max(self.by_id, default=-1) + 1
            self.by_id[self._unnamed] = UNNAMED
        lookup = np.array([self._unnamed if index < 0 else index for index in known], np.int32)
        return lookup[inverse]
