// Where the threads of a group wait for each other.
namespace FlGpu.Kernels;

internal static class GroupBarrier
{
    /// <summary>Waits for the group; a group of one waits for nobody.</summary>
    public static void Wait()
    {
        if (Group.DimX > 1)
        {
            Group.Barrier();
        }
    }
}
