// What CsvTable writes, reads back, continues and refuses.
using FlGpu.Harness.Recording;
using FlGpu.Kernels;

namespace FlGpu.Harness.Tests.Recording;

public sealed class CsvTableTests : IDisposable
{
    private const string Header = "text,wall_ms,single,maybe,count,seed,scope\n";

    private static readonly Line s_line = new("a", 1.5, 2.5f, null, null, 7, TimingScope.EndToEnd);

    private readonly TemporaryFolder _folder = new();

    public sealed record Line(string Text, double WallMs, float Single, double? Maybe, int? Count, ulong Seed, TimingScope Scope);

    public sealed record Word<TEnum>(TEnum Value);

    private string Table => _folder["table.csv"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_columns_of_timings_are_these() => Assert.Equal(
        "run_id,kind,name,attack,backend,device,threads,clients,malicious,parameters,scope,phase,sample,wall_ms,gpu_ms,flops," +
        "bytes_read,bytes_written,status,reason,dataset,partition,model,local_epochs,learning_rate\n",
        HeaderOf<TimingRow>());

    [Fact]
    public void The_columns_of_accuracy_are_these() => Assert.Equal(
        "run_id,dataset,partition,model,parameters,clients,malicious,attack,defense,backend,seed,round,test_accuracy,test_loss," +
        "attack_success,kept_honest,kept_malicious,detection_precision,detection_recall,detection_f1,detection_false_positive_rate,reckoned_f,aggregate_cosine,aggregate_distance,train_ms,attack_ms,aggregate_ms,evaluate_ms," +
        "status,reason,local_epochs,learning_rate\n",
        HeaderOf<AccuracyRow>());

    [Fact]
    public void The_columns_of_the_summary_are_these() => Assert.Equal(
        "kind,name,attack,dataset,partition,backend,threads,clients,malicious,parameters,samples,min_ms,q1_ms,median_ms,q3_ms," +
        "relative_iqr,gflop_per_s,gb_per_s,seeds,final_accuracy_mean,final_accuracy_deviation,final_attack_success_mean,status,reason,model,local_epochs,learning_rate\n",
        HeaderOf<SummaryRow>());

    [Fact]
    public void A_file_from_before_a_column_was_added_is_read_with_that_columns_default()
    {
        File.WriteAllText(
            Table,
            """
            run_id,kind,name,attack,backend,device,threads,clients,malicious,parameters,scope,phase,sample,wall_ms,gpu_ms,flops,bytes_read,bytes_written,status,reason
            r,defense,median,none,simd,CPU,2,10,1,100,compute,sample,0,1.5,,8,9,10,ok,

            """.ReplaceLineEndings("\n"));

        TimingRow row = Assert.Single(CsvTable<TimingRow>.Read(Table));
        Assert.Equal((1.5, 10L, "", "", "", null, null), (row.WallMs, row.BytesWritten, row.Dataset, row.Partition, row.Model, row.LocalEpochs, row.LearningRate));
    }

    [Theory]
    [InlineData("")]
    [InlineData("b,")]
    [InlineData("b,1.5,\"open")]
    public void Whole_lines_are_read_from_a_file_whose_last_line_is_half_written_and_the_file_is_left_alone(string left)
    {
        Append(s_line);
        File.AppendAllText(Table, left);
        string before = Contents();

        Assert.Equal([s_line], CsvTable<Line>.ReadWhole(Table));
        Assert.Equal(before, Contents());
    }

    [Fact]
    public void A_file_that_is_not_there_has_no_whole_lines() => Assert.Empty(CsvTable<Line>.ReadWhole(Table));

    [Fact]
    public void Every_word_of_a_fixed_column_is_written_as_documented()
    {
        Assert.Equal("operation,defense,round,accuracy", WordsOf<RowKind>());
        Assert.Equal("compute,end_to_end", WordsOf<TimingScope>());
        Assert.Equal("first,sample", WordsOf<TimingPhase>());
        Assert.Equal("ok,skipped,timeout,failed", WordsOf<RowStatus>());
    }

    [Fact]
    public void Numbers_are_written_the_same_in_every_culture()
    {
        using CommaCulture culture = new();
        Assert.Equal("1,5", $"{1.5}");

        string text = TextOf(new Line("a", -1234567.25, 0.1f, double.NegativeInfinity, -3, ulong.MaxValue, TimingScope.Compute));

        Assert.Equal(Header + "a,-1234567.25,0.1,-Infinity,-3,18446744073709551615,compute\n", text);
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(1.0 / 3)]
    [InlineData(-0.0)]
    [InlineData(double.Epsilon)]
    [InlineData(double.MaxValue)]
    [InlineData(123456789012345678.0)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    public void Numbers_come_back_with_the_same_bits_in_every_culture(double number)
    {
        using CommaCulture culture = new();
        Line back = Assert.Single(WriteAndRead(s_line with { WallMs = number, Single = (float)number, Maybe = number }));

        Assert.Equal(BitConverter.DoubleToInt64Bits(number), BitConverter.DoubleToInt64Bits(back.WallMs));
        Assert.Equal(BitConverter.SingleToInt32Bits((float)number), BitConverter.SingleToInt32Bits(back.Single));
        Assert.Equal(BitConverter.DoubleToInt64Bits(number), BitConverter.DoubleToInt64Bits(back.Maybe!.Value));
    }

    [Fact]
    public void Null_is_an_empty_field_and_comes_back()
    {
        Assert.EndsWith("\na,1.5,2.5,,,7,end_to_end\n", TextOf(s_line));
        Assert.Equal([s_line], WriteAndRead(s_line));
    }

    [Fact]
    public void Rows_of_all_three_files_come_back()
    {
        TimingRow timing = new(
            "r1", RowKind.Round, "krum:f=4,m=1", "", "cuda:0", "GPU", 132, 1000, 200, 79510, TimingScope.EndToEnd, TimingPhase.First, 0,
            12.25, null, 1L << 40, 3, null, RowStatus.Timeout, "over 15 s");
        AccuracyRow accuracy = new(
            "r1", "digits", "iid", "mlp", 2410, 10, 2, "label_flip", "median", "simd", 18446744073709551557, 5, 0.925, double.NaN, null, 8,
            1, 0.5, null, 0.25, null, 2, -0.5, 1e9, 1, 2, 3, null, RowStatus.Ok, "");
        SummaryRow summary = new(
            RowKind.Accuracy, "median", "", "digits", "iid", "simd", null, 10, 2, 2410, null, null, 0.1, null, double.PositiveInfinity, null,
            null, 3.5, 3, 0.9, null, 0.25, RowStatus.Skipped, "no GPU");

        Assert.Equal([timing], WriteAndRead(timing));
        Assert.Equal([accuracy], WriteAndRead(accuracy));
        Assert.Equal([summary], WriteAndRead(summary));
    }

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("krum:f=4,m=1", "\"krum:f=4,m=1\"")]
    [InlineData("a \"word\"", "\"a \"\"word\"\"\"")]
    [InlineData("two\nlines", "\"two\nlines\"")]
    [InlineData("carriage\rreturn", "\"carriage\rreturn\"")]
    [InlineData(" space", "\" space\"")]
    [InlineData("NVIDIA® Ω", "NVIDIA® Ω")]
    public void Text_is_quoted_when_it_must_be_and_comes_back(string text, string field)
    {
        Assert.Equal($"{Header}{field},1.5,2.5,,,7,end_to_end\n", TextOf(s_line with { Text = text }));
        Assert.Equal(text, Assert.Single(WriteAndRead(s_line with { Text = text })).Text);
    }

    [Fact]
    public void A_new_file_has_its_header_at_once_and_its_rows_after_a_flush()
    {
        File.WriteAllText(Table, "an older file");
        using CsvTable<Line> table = CsvTable<Line>.Create(Table);
        Assert.Equal(Header, Contents());

        table.Write(s_line);
        table.Write([s_line, s_line]);
        table.Flush();

        Assert.Equal([s_line, s_line, s_line], CsvTable<Line>.Read(Table));
    }

    [Fact]
    public void Appending_writes_the_header_once()
    {
        Append(s_line);
        Append(s_line with { Text = "b" });

        Assert.Equal(Header + "a,1.5,2.5,,,7,end_to_end\nb,1.5,2.5,,,7,end_to_end\n", Contents());
    }

    [Theory]
    [InlineData("")]
    [InlineData("text,wall")]
    [InlineData(Header)]
    [InlineData(Header + "x,1.5,2.")]
    [InlineData(Header + "\"x\nhalf a te")]
    [InlineData(Header + "\"half a quote: \"")]
    [InlineData(Header + "\"half a quote: \"\"\n")]
    public void Appending_cuts_off_a_half_written_line(string left)
    {
        File.WriteAllText(Table, left);
        Append(s_line);

        Assert.Equal(Header + "a,1.5,2.5,,,7,end_to_end\n", Contents());
    }

    [Fact]
    public void Appending_keeps_the_lines_before_a_half_written_one()
    {
        Line two = s_line with { Text = "two\n\"lines\"" };
        Append(two);
        File.AppendAllText(Table, "b,1.5");
        Append(s_line);

        Assert.Equal([two, s_line], CsvTable<Line>.Read(Table));
    }

    [Fact]
    public void Appending_to_a_file_with_other_columns_is_refused_and_changes_nothing()
    {
        File.WriteAllText(Table, "text,wall_ms\na,1\n");

        InputException error = Assert.Throws<InputException>(() => CsvTable<Line>.Append(Table));

        Assert.Contains(Table, error.Message);
        Assert.Equal("text,wall_ms\na,1\n", Contents());
    }

    [Fact]
    public void Columns_may_be_in_another_order_and_lines_may_end_as_on_windows()
    {
        File.WriteAllText(Table, "seed,scope,text,count,wall_ms,single,maybe,more\r\n7,end_to_end,a,,1.5,2.5,,x\r\n");

        Assert.Equal([s_line], CsvTable<Line>.Read(Table));
    }

    [Theory]
    [InlineData(Header + "a,1,1,,,7,compute\na,abc,1,,,7,compute\n", "line 3: 'abc'", "wall_ms")]
    [InlineData(Header + "a,\"1,5\",1,,,7,compute\n", "line 2: '1,5'", "wall_ms")]
    [InlineData(Header + "a,,1,,,7,compute\n", "line 2: ''", "wall_ms")]
    [InlineData(Header + "a,1,1,x,,7,compute\n", "line 2: 'x'", "maybe")]
    [InlineData(Header + "a,1,1,,2.5,7,compute\n", "line 2: '2.5'", "count")]
    [InlineData(Header + "a,1,1,,,-7,compute\n", "line 2: '-7'", "seed")]
    [InlineData(Header + "a,1,1,,,7,Compute\n", "line 2: 'Compute'", "scope")]
    [InlineData(Header + "a,1,1,,,7,0\n", "line 2: '0'", "scope")]
    [InlineData(Header + "a,1,1,,\n", "line 2: 5 values for 7 columns", "seed")]
    [InlineData(Header + "a,1,1,,,7,compute,more\n", "line 2: 8 values for 7 columns", "scope")]
    [InlineData(Header + "a\"b,1,1,,,7,compute\n", "line 2: ", "quotes")]
    [InlineData("text,wall_ms,single,maybe,count,seed\na,1,1,,,7\n", "line 1: ", "scope")]
    [InlineData("wall_ms,single,maybe,count,seed,scope\n1,1,,,7,compute\n", "line 1: ", "text")]
    [InlineData("", "is empty", "wall_ms")]
    public void What_cannot_be_read_is_named_by_path_line_and_column(string contents, string place, string column)
    {
        File.WriteAllText(Table, contents);

        InputException error = Assert.Throws<InputException>(() => CsvTable<Line>.Read(Table));

        Assert.StartsWith(Table, error.Message);
        Assert.Contains(place, error.Message);
        Assert.Contains(column, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_file_that_is_not_there_is_named() =>
        Assert.StartsWith(Table, Assert.Throws<InputException>(() => CsvTable<Line>.Read(Table)).Message);

    private static string HeaderOf<T>()
    {
        StringWriter text = new();
        using CsvTable<T> table = new(text, header: true);
        return text.ToString();
    }

    private static string WordsOf<TEnum>() where TEnum : struct, Enum
    {
        StringWriter text = new();
        using CsvTable<Word<TEnum>> table = new(text, header: false);
        table.Write(Enum.GetValues<TEnum>().Select(value => new Word<TEnum>(value)));
        table.Flush();
        return text.ToString().TrimEnd().Replace('\n', ',');
    }

    private static string TextOf(Line line)
    {
        StringWriter text = new();
        using CsvTable<Line> table = new(text, header: true);
        table.Write(line);
        table.Flush();
        return text.ToString();
    }

    private IReadOnlyList<T> WriteAndRead<T>(T row)
    {
        using (CsvTable<T> table = CsvTable<T>.Create(Table))
        {
            table.Write(row);
        }

        return CsvTable<T>.Read(Table);
    }

    private void Append(Line line)
    {
        using CsvTable<Line> table = CsvTable<Line>.Append(Table);
        table.Write(line);
    }

    // Shared, since a table may still be open for writing.
    private string Contents()
    {
        using StreamReader reader = new(new FileStream(Table, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd();
    }
}
