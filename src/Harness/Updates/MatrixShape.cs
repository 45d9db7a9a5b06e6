// Whether a shape is one of n rows of d numbers.
using FlGpu.Kernels;

namespace FlGpu.Harness.Updates;

internal static class MatrixShape
{
    private const long MostNumbers = long.MaxValue / sizeof(double); // their bytes can still be counted

    /// <summary>Rows and columns of an array of two dimensions, neither of them empty.</summary>
    /// <exception cref="InputException">It has others.</exception>
    public static (int Rows, int Columns) Of(IReadOnlyList<long> sizes, string where)
    {
        string shape = $"({string.Join(", ", sizes)})";
        if (sizes.Count != 2)
        {
            throw new InputException($"{where}: the shape is {shape}, {sizes.Count} dimensions; allowed are 2: a row a client, a column a parameter");
        }

        if (sizes[0] == 0 || sizes[1] == 0)
        {
            throw new InputException($"{where}: the shape is {shape}: there are no {(sizes[0] == 0 ? "rows" : "columns")}");
        }

        return sizes.All(size => size <= Array.MaxLength) && sizes[0] * sizes[1] <= MostNumbers
            ? ((int)sizes[0], (int)sizes[1])
            : throw new InputException($"{where}: the shape is {shape}; allowed are up to {Array.MaxLength} rows and columns and {MostNumbers} numbers");
    }
}
