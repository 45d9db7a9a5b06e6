// The matrix that most of the files hold, and where the files are.
namespace FlGpu.Harness.Tests.Updates;

internal static class Quarters
{
    public const int Clients = 7;
    public const int Parameters = 11;

    public static float[] Rows { get; } =
        [.. Enumerable.Range(0, Clients * Parameters).Select(k => ((((7 * (k / Parameters)) + (3 * (k % Parameters))) % 13) - 6) / 4f)];

    public static string File(string name) => Path.Combine(AppContext.BaseDirectory, "Updates", "Files", name);
}
