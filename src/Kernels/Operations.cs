// Finds every operation, so that a new one needs no entry in any list.
using System.Reflection;
using System.Text;

namespace FlGpu.Kernels;

/// <summary>An operation as the command line sees it.</summary>
/// <param name="Name">As in options and CSVs.</param>
/// <param name="About">One line on what it computes.</param>
/// <param name="Prepare">Makes inputs of any size.</param>
public sealed record OperationListing(string Name, string About, Func<Backend, int, int, RngKey, Prepared> Prepare);

/// <summary>All operations of this assembly.</summary>
public static class Operations
{
    /// <summary>Every operation, by name.</summary>
    public static IReadOnlyList<OperationListing> All { get; } =
    [
        .. typeof(IOperation).Assembly.GetTypes()
            .Where(type => type.IsValueType && typeof(IOperation).IsAssignableFrom(type))
            .SelectMany(type => (IReadOnlyList<OperationListing>)s_describe.MakeGenericMethod(type).Invoke(null, null)!)
            .OrderBy(operation => operation.Name, StringComparer.Ordinal),
    ];

    private static MethodInfo s_describe => typeof(Operations).GetMethod(nameof(Describe), BindingFlags.NonPublic | BindingFlags.Static)!;

    /// <summary>CoordinateMedian is coordinate_median.</summary>
    public static string NameOf(Type type) => SnakeCase(type.Name);

    /// <summary>Pascal or camel case to snake case.</summary>
    public static string SnakeCase(string name)
    {
        var words = new StringBuilder(name.Length + 8);
        foreach (char letter in name)
        {
            if (letter is >= 'A' and <= 'Z' && words.Length > 0)
            {
                words.Append('_');
            }

            words.Append(char.ToLowerInvariant(letter));
        }

        return words.ToString();
    }

    private static IReadOnlyList<OperationListing> Describe<TOperation>() where TOperation : struct, IOperation =>
    [
        new(NameOf(typeof(TOperation)), typeof(TOperation).GetCustomAttribute<AboutAttribute>()?.Text ?? "", TOperation.Prepare),
        .. TOperation.Variants,
    ];
}
