// What the timings of a sweep are reckoned to take: a few of every size are run, as long as they are short.
using System.Diagnostics;

namespace FlGpu.Harness.Sweeping;

/// <summary>Reckons cases that are timed.</summary>
internal sealed class TimingTrials
{
    private const double MostSeconds = 10;

    // Of cases of one size, which take about as long as each other, so large a part says enough.
    private const int OneOf = 4;

    private readonly IReadOnlyList<Size> _sizes;

    private TimingTrials(IReadOnlyList<Size> sizes) => _sizes = sizes;

    /// <summary>How many cases were run.</summary>
    public int Tried => _sizes.Sum(size => size.Tried);

    /// <summary>Seconds of all cases.</summary>
    public double Seconds
    {
        get
        {
            double all = 0;
            foreach (IGrouping<string, Size> backend in _sizes.GroupBy(size => size.Backend))
            {
                Size? tried = null;
                foreach (Size size in backend)
                {
                    tried = size.Tried > 0 ? size : tried;
                    all += size.Cases.Count * Reckoned(size, tried);
                }
            }

            return all;
        }
    }

    /// <summary>Runs cases, of the small sizes first and then again from there, until the time for it is over.</summary>
    /// <param name="cases">What is to be reckoned.</param>
    /// <param name="weightOf">How long a case takes beside others, in any unit: what was not tried is reckoned by it.</param>
    /// <param name="run">Runs one.</param>
    public static TimingTrials Of(IReadOnlyList<TimingCase> cases, Func<TimingCase, double> weightOf, Action<TimingCase> run)
    {
        // By size within a backend: what is not tried is reckoned from the next smaller one.
        Size[] sizes =
        [
            .. cases.GroupBy(c => (c.Backend, c.Clients, c.Parameters)).Select(group => new Size(group.Key.Backend, weightOf(group.First()), [.. group]))
                .OrderBy(size => size.Weight),
        ];
        long start = Stopwatch.GetTimestamp();
        foreach (Size smallest in sizes.DistinctBy(size => size.Backend))
        {
            // The first case of all compiles what the others use, too.
            run(smallest.Cases[0]);
        }

        for (bool more = true; more;)
        {
            more = false;
            foreach (Size size in sizes)
            {
                Size? smaller = sizes.LastOrDefault(other => other.Backend == size.Backend && other.Weight <= size.Weight && other.Tried > 0);
                double left = MostSeconds - Stopwatch.GetElapsedTime(start).TotalSeconds;
                if (size.Tried * OneOf < size.Cases.Count && (smaller is null || Reckoned(size, smaller) < left))
                {
                    size.Try(run);
                    more = true;
                }
            }
        }

        return new(sizes);
    }

    private static double Reckoned(Size size, Size? tried) => tried is null ? 0 : tried.MeanSeconds * size.Weight / tried.Weight;

    /// <summary>The cases with updates of one size.</summary>
    private sealed class Size(string backend, double weight, IReadOnlyList<TimingCase> cases)
    {
        private double _seconds;

        public string Backend => backend;

        public double Weight => weight;

        public IReadOnlyList<TimingCase> Cases => cases;

        public int Tried { get; private set; }

        public double MeanSeconds => _seconds / Tried;

        /// <summary>Runs the next one, from all over the list: neighbours are often alike.</summary>
        public void Try(Action<TimingCase> run)
        {
            const double GoldenRatio = 0.6180339887498949;
            double place = (0.5 + (Tried * GoldenRatio)) % 1;
            long start = Stopwatch.GetTimestamp();
            run(cases[(int)(place * cases.Count)]);
            _seconds += Stopwatch.GetElapsedTime(start).TotalSeconds;
            Tried++;
        }
    }
}
