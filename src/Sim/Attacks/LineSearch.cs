// Finds a large value of a function of one number with few evaluations.
namespace FlGpu.Sim;

/// <summary>ByzFL's search: steps that double while the value grows, then steps to both sides that shrink.</summary>
internal static class LineSearch
{
    private const double Shrink = 0.8;

    /// <summary>The best of <paramref name="evaluations"/> numbers tried, from <paramref name="start"/> on; none is below zero.</summary>
    public static double Maximise(Func<double, double> value, double start, int evaluations)
    {
        (double best, double most) = (start, value(start));
        double step = 1;
        double tried = start;
        bool growing = true;
        for (int i = 1; i < evaluations; i++)
        {
            tried = growing || tried < best ? tried + step : Below(tried, step);
            double reached = value(tried);
            bool better = reached > most;
            if (better)
            {
                (best, most) = (tried, reached);
            }

            growing &= better;
            step *= growing ? 2 : Shrink;
        }

        return best;
    }

    private static double Below(double tried, double step)
    {
        double below = tried - step;
        while (below < 0)
        {
            below = (below + tried) / 2;
        }

        return below;
    }
}
