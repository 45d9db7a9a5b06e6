// The sum over the threads of a group, in an order that depends on nothing but the group's size.
namespace FlGpu.Kernels;

internal static class GroupSum
{
    /// <summary>
    /// Adds <paramref name="value"/> over the group's threads; every thread gets the sum. Called by all threads of the
    /// group. <paramref name="shared"/> may be used again at once.
    /// </summary>
    public static double Of(double value, ArrayView<double> shared)
    {
        if (Group.DimX == 1)
        {
            return value;
        }

        shared[Group.IdxX] = value;
        Group.Barrier();
        // The half above is folded onto the half below, until one is left; an odd one out waits for the next turn.
        int left = Group.DimX;
        while (left > 1)
        {
            int half = (left + 1) / 2;
            if (Group.IdxX < left - half)
            {
                shared[Group.IdxX] += shared[Group.IdxX + half];
            }

            left = half;
            Group.Barrier();
        }

        double sum = shared[0];
        Group.Barrier();
        return sum;
    }
}
