// `flgpu sweep --dry-run`.
namespace FlGpu.Harness.Sweeping;

internal static class DryRun
{
    public static int Show(SweepRequest request, Screen screen) => request.Threads + screen.GetHashCode();
}
