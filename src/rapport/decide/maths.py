"""NumPy and SciPy, loaded when they are first asked for: a second's work, and most processes fit no model."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy import special
    from scipy.optimize import minimize

    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]
    Places = NDArray[np.intp]
    Hashes = NDArray[np.uint64]
else:
    Floats = Singles = Places = Hashes = Any

    def __getattr__(name: str) -> Any:
        if name == "np":
            found = importlib.import_module("numpy")
        elif name == "special":
            found = importlib.import_module("scipy.special")
        elif name == "minimize":
            found = importlib.import_module("scipy.optimize").minimize
        else:
            raise AttributeError(name)
        globals()[name] = found
        return found


__all__ = ["Floats", "Hashes", "Places", "Singles", "minimize", "np", "special"]
