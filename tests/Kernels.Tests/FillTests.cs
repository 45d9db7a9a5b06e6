// What an operation that writes one number does with numbers that are none.
namespace FlGpu.Kernels.Tests;

public sealed class FillTests
{
    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(-0f)]
    public void Every_number_fills_the_rows_given_and_no_other(float value)
    {
        foreach (Backend backend in (Backend[])[new ReferenceBackend(), new SimdBackend(2), Backends.OpenCpu(threads: 2, groupSize: 1)])
        {
            using (backend)
            {
                using Matrix all = backend.Upload(3, 5, new float[15]);
                backend.Run(new Fill(all.SliceRows(1, 2), value));
                Assert.Equal([.. new float[5], .. Enumerable.Repeat(value, 10)], all.ToArray().Select(BitConverter.SingleToInt32Bits).Select(BitConverter.Int32BitsToSingle));
            }
        }
    }
}
