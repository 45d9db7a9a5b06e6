// Files that NumPy and safetensors wrote give the numbers that went into them.
using System.Runtime.InteropServices;
using FlGpu.Harness.Tests.CommandLine;
using FlGpu.Harness.Updates;

namespace FlGpu.Harness.Tests.Updates;

public sealed class FormatTests
{
    [Theory]
    [InlineData("f2.npy", "npy, float16")]
    [InlineData("f4.npy", "npy, float32")]
    [InlineData("f8.npy", "npy, float64")]
    [InlineData("f2-fortran.npy", "npy, float16, Fortran order")]
    [InlineData("f4-fortran.npy", "npy, float32, Fortran order")]
    [InlineData("f8-fortran.npy", "npy, float64, Fortran order")]
    [InlineData("f2-big-endian.npy", "npy, float16, big-endian")]
    [InlineData("f4-big-endian.npy", "npy, float32, big-endian")]
    [InlineData("f8-big-endian.npy", "npy, float64, big-endian")]
    [InlineData("f2-big-endian-fortran.npy", "npy, float16, big-endian, Fortran order")]
    [InlineData("f4-big-endian-fortran.npy", "npy, float32, big-endian, Fortran order")]
    [InlineData("f8-big-endian-fortran.npy", "npy, float64, big-endian, Fortran order")]
    [InlineData("version-2.npy", "npy, float32")]
    [InlineData("version-3.npy", "npy, float32")]
    [InlineData("stored.npz", "npz, float32")]
    [InlineData("deflated.npz", "npz, float64")]
    [InlineData("deflated-fortran.npz", "npz, float64, Fortran order")]
    [InlineData("rows-f16.safetensors", "safetensors, float16")]
    [InlineData("rows-bf16.safetensors", "safetensors, bfloat16")]
    [InlineData("rows-f32.safetensors", "safetensors, float32")]
    [InlineData("rows-f64.safetensors", "safetensors, float64")]
    [InlineData("plain.csv", "csv")]
    [InlineData("header.csv", "csv with a header")]
    [InlineData("clients", "safetensors, one file a client, 3 tensors of float16, float32, float64")]
    public void A_file_gives_the_rows_that_were_written_in_blocks_of_any_size(string name, string format)
    {
        foreach (int rowsAtOnce in new[] { 1, 3, Quarters.Clients })
        {
            using IUpdateSource source = UpdateInput.Open(UpdateInput.Files([Quarters.File(name)]), array: null);
            Assert.Equal((Quarters.Clients, Quarters.Parameters, format), (source.Clients, source.Parameters, source.Format));
            Assert.Equal(Quarters.Rows, Read(source, rowsAtOnce));
        }
    }

    [Fact]
    public void An_array_of_an_npz_is_chosen_by_its_name()
    {
        using IUpdateSource source = UpdateInput.Open([Quarters.File("two-arrays.npz")], "second");
        Assert.Equal(Quarters.Rows, Read(source, 2));
    }

    [Fact]
    public void Files_of_a_pattern_are_the_clients_in_the_order_of_their_names_and_written_ones_in_that_order()
    {
        string[] names = ["client-2.safetensors", "client-0.safetensors"];
        using IUpdateSource written = UpdateInput.Open(UpdateInput.Files([.. names.Select(name => Quarters.File($"clients/{name}"))]), null);
        Assert.Equal(names, written.ClientNames);
        Assert.Equal([.. Quarters.Rows.Skip(2 * Quarters.Parameters).Take(Quarters.Parameters), .. Quarters.Rows.Take(Quarters.Parameters)], Read(written, 1));

        using IUpdateSource matched = UpdateInput.Open(UpdateInput.Files([Quarters.File("clients/client-?.*")]), null);
        Assert.Equal(Quarters.Rows, Read(matched, 5));
    }

    [Fact]
    public void Numbers_that_are_not_finite_and_doubles_beyond_single_precision_are_read()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("special.csv", "nan,inf,-inf\nNaN,1e300,-1e300\n-0.5,+2,1e-3\n");
        using IUpdateSource source = UpdateInput.Open([path], null);
        Assert.Equal(
            [float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.NaN, float.PositiveInfinity, float.NegativeInfinity, -0.5f, 2, 0.001f],
            Read(source, 3));
    }

    [Theory]
    [InlineData("0,1,2\n3,4,5\n6,7,8\n", "csv with a header", 2, 3f)] // as pandas heads columns without names
    [InlineData("0,1\n3,4\n", "csv", 2, 0f)]
    [InlineData("0,1,3\n3,4,5\n", "csv", 2, 0f)]
    [InlineData("a,b\r\n\"3\", 4\r\n\r\n", "csv with a header", 1, 3f)]
    public void The_first_line_of_a_csv_is_a_header_or_a_client(string text, string format, int clients, float first)
    {
        using var folder = new TemporaryFolder();
        using IUpdateSource source = UpdateInput.Open([folder.Write("updates.csv", text)], null);
        Assert.Equal((format, clients), (source.Format, source.Clients));
        Assert.Equal(first, Read(source, 1)[0]);
    }

    [Fact]
    public void Half_precision_has_its_infinities_subnormals_and_NaN_in_both_orders_of_bytes()
    {
        ushort[] bits = [0x7C00, 0xFC00, 0x7E00, 0x0001, 0x8000, 0x3555];
        float[] expected = [float.PositiveInfinity, float.NegativeInfinity, float.NaN, 5.9604645e-8f, -0f, 0.33325195f];
        float[] read = new float[bits.Length];
        ElementType.Float16.Read(bits.SelectMany(BitConverter.GetBytes).ToArray(), read);
        Assert.Equal(expected, read);
        ElementType.Float16.WithBigEnd().Read(bits.SelectMany(half => BitConverter.GetBytes(half).Reverse()).ToArray(), read);
        Assert.Equal(expected, read);
    }

    [Fact]
    public void Every_half_is_converted_as_the_runtime_converts_it()
    {
        ushort[] bits = [.. Enumerable.Range(0, ushort.MaxValue + 1).Select(half => (ushort)half)];
        float[] read = new float[bits.Length];
        ElementType.Float16.Read(MemoryMarshal.AsBytes<ushort>(bits), read);
        Assert.Equal(bits.Select(half => (float)BitConverter.UInt16BitsToHalf(half)), read);
    }

    [Fact]
    public void Doubles_are_rounded_to_the_nearest_float()
    {
        double[] doubles = [0.1, 1 + (1.5 * Math.Pow(2, -24)), 1e-310, double.MaxValue, double.NaN, -0.0, 1e-40, 16777217, 3, -1e39, 1d / 3];
        float[] read = new float[doubles.Length];
        ElementType.Float64.Read(MemoryMarshal.AsBytes<double>(doubles), read);
        Assert.Equal(doubles.Select(number => (float)number), read);
    }

    [Fact]
    public void Rows_longer_than_a_block_of_conversions_are_whole()
    {
        const int Long = 300_001;
        double[] numbers = [.. Enumerable.Range(0, Long).Select(k => k - 0.25)];
        byte[] bytes = [.. numbers.SelectMany(number => BitConverter.GetBytes(number).Reverse())];
        float[] read = new float[Long];
        using var stream = new MemoryStream(bytes);
        ElementType.Float64.WithBigEnd().Read(stream, read);
        Assert.Equal([.. numbers.Select(number => (float)number)], read);
        Assert.Throws<EndOfStreamException>(() => ElementType.Float64.Read(stream, read));
    }

    [Fact]
    public void The_aggregate_is_written_byte_for_byte_as_NumPy_writes_it()
    {
        byte[] expected = File.ReadAllBytes(Quarters.File("normal-median.npy"));
        float[] values = new float[33];
        ElementType.Float32.Read(expected.AsSpan(expected.Length - (33 * sizeof(float))), values);
        using var written = new MemoryStream();
        NpyVector.Write(written, values);
        Assert.Equal(expected, written.ToArray());
    }

    private static float[] Read(IUpdateSource source, int rowsAtOnce)
    {
        float[] rows = new float[source.Clients * source.Parameters];
        for (int row = 0; row < source.Clients; row += rowsAtOnce)
        {
            source.ReadRows(rows.AsSpan(row * source.Parameters, Math.Min(rowsAtOnce, source.Clients - row) * source.Parameters));
        }

        return rows;
    }
}
