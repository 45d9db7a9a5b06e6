// Min-Max and Min-Sum: as far from the honest mean as a bound on the distances to the honest updates allows.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>The direction in which the honest mean is perturbed.</summary>
public enum Perturbation
{
    /// <summary>Minus the mean's direction, of length 1.</summary>
    Unit,

    /// <summary>Minus the signs of the mean.</summary>
    Sign,

    /// <summary>Minus the standard deviations of the columns (divided by the honest rows less one).</summary>
    Deviation,
}

/// <summary>
/// The malicious update is mean + gamma * p. Its squared distance to an honest update is a quadratic function of gamma, whose three
/// coefficients come from the device, so the largest gamma that keeps within the bound is found on the host in double precision.
/// </summary>
internal static class RangeAttack
{
    private const int Bisections = 100;

    /// <param name="bound">The bound, from the squared distances between honest updates (h x h, row-major).</param>
    /// <param name="reached">What is bounded, from the squared distances of the malicious update to the honest ones.</param>
    public static void Send(
        Setting setting, Round round, Perturbation direction, Func<float[], int, double> bound, Func<IEnumerable<double>, double> reached)
    {
        Matrix honest = round.HonestUpdates;
        int h = honest.Rows;
        if (h == 0)
        {
            return;
        }

        Backend backend = setting.Backend;
        using var moments = new HonestMoments(setting, round);
        using Matrix between = backend.AllocateMatrix(h, h);
        using Matrix norm = backend.AllocateMatrix(1, 1);
        using Matrix probe = backend.AllocateMatrix(1, honest.Columns);
        using Matrix squared = backend.AllocateMatrix(1, h);
        backend.Run(new PairwiseSquaredDistances(honest, between));
        float[] distances = between.ToArray();
        double allowed = bound(distances, h);
        switch (direction)
        {
            case Perturbation.Unit:
                moments.TakeMeanAsDirection();
                break;
            case Perturbation.Sign:
                backend.Run(new Signs(moments.Mean, moments.Deviation));
                break;
        }

        backend.Run(new RowNorms(moments.Deviation, norm));
        double length = norm.ToArray()[0];
        if (!(length > 0 && allowed > 0 && double.IsFinite(allowed)))
        {
            moments.Send(1, 0);
            return;
        }

        // Distances at 0 and at a step as long as the distances themselves give the coefficients without cancellation.
        double step = Math.Sqrt(distances.Max());
        backend.Run(new DistancesToVector(honest, moments.Mean, squared));
        float[] atMean = squared.ToArray();
        moments.Write(1, -step / length, probe);
        backend.Run(new DistancesToVector(honest, probe, squared));
        float[] atStep = squared.ToArray();

        double Reached(double distance) => reached(Enumerable.Range(0, h).Select(i =>
            atMean[i] + ((atStep[i] - (double)atMean[i] - (step * step)) / step * distance) + (distance * distance)));

        double low = 0;
        double high = step;
        while (Reached(high) <= allowed)
        {
            high *= 2;
        }

        for (int i = 0; i < Bisections; i++)
        {
            double middle = (low + high) / 2;
            (low, high) = Reached(middle) <= allowed ? (middle, high) : (low, middle);
        }

        moments.Send(1, -low / length);
    }
}
