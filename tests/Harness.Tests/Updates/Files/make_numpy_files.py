"""Writes the .npy, .npz and .csv files of this folder with NumPy: python3 make_numpy_files.py"""
import numpy as np

CLIENTS, PARAMETERS = 7, 11
i, j = np.indices((CLIENTS, PARAMETERS))
quarters = ((7 * i + 3 * j) % 13 - 6) / 4  # exact in every precision; the tests compute the same

for name in ("f2", "f4", "f8"):
    for end, suffix in (("<", ""), (">", "-big-endian")):
        array = quarters.astype(end + name)
        np.save(f"{name}{suffix}.npy", array)
        np.save(f"{name}{suffix}-fortran.npy", np.asfortranarray(array))

f4 = quarters.astype("<f4")
for version in (2, 3):
    with open(f"version-{version}.npy", "wb") as file:
        np.lib.format.write_array(file, f4, version=(version, 0))

np.savez("stored.npz", updates=f4)
np.savez_compressed("deflated.npz", updates=quarters)
np.savez_compressed("deflated-fortran.npz", updates=np.asfortranarray(quarters))
np.savez("two-arrays.npz", first=np.zeros((2, 3)), second=f4)

np.savetxt("plain.csv", quarters, delimiter=",")
np.savetxt("header.csv", quarters, delimiter=",", fmt="%g", header=",".join(f"w{k}" for k in range(PARAMETERS)), comments="")

np.save("int64.npy", np.arange(6).reshape(2, 3))
np.save("one-dimension.npy", np.arange(6.0))
np.save("three-dimensions.npy", np.zeros((2, 3, 4)))
np.save("no-rows.npy", np.zeros((0, 3)))
np.save("records.npy", np.zeros(3, dtype=[("a", "f4"), ("b", "f8")]))

# An even number of clients, two of which are far from the others.
normal = np.random.default_rng(7).standard_normal((20, 33)).astype("f4")
normal[[4, 11]] += 25
np.save("normal.npy", normal)
np.save("normal-median.npy", np.median(normal, axis=0))
