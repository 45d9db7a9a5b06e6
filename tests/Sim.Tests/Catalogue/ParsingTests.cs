// What users write about attacks, defenses, data and partitions: names, parameters, lists, and every way to get them wrong.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class ParsingTests
{
    [Theory]
    [InlineData("krum", "krum")]
    [InlineData("  krum ", "krum")]
    [InlineData("krum:", "krum")]
    [InlineData("krum:f=4", "krum:f=4")]
    [InlineData("krum: f = 4 ", "krum:f=4")]
    [InlineData("krum:4", "krum:f=4")]
    [InlineData("krum:distance=euclidean,f=4", "krum:f=4,distance=euclidean")]
    [InlineData("krum:neighbours=n-f-1,f=0,distance=squared", "krum:f=0,distance=squared,neighbours=n-f-1")]
    [InlineData("multi_krum:keep=3", "multi_krum:keep=3")]
    [InlineData("median:upper", "median:even=upper")]
    [InlineData("trimmed_mean:trim=0.10", "trimmed_mean:trim=0.1")]
    [InlineData("norm_clip:clip=1e1", "norm_clip:clip=10")]
    [InlineData("none:weighting=uniform", "none:weighting=uniform")]
    public void The_text_of_a_choice_is_its_name_and_what_was_given_in_the_order_of_the_list(string written, string canonical)
    {
        Choice<IDefense> choice = Catalogue.Parse<IDefense>("--defense", written);

        Assert.Equal(canonical, choice.Text);
        Assert.Equal(canonical, Catalogue.Parse<IDefense>("--defense", choice.Text).Text);
        Assert.Equal("--defense", choice.Option);
    }

    [Fact]
    public void Values_have_the_type_of_their_parameter()
    {
        Choice<IDefense> krum = Catalogue.Parse<IDefense>("--defense", "krum:f=4,distance=euclidean,neighbours=n-f-1");

        Assert.Equal(3, krum.Given.Count);
        Assert.Equal(4, Assert.IsType<int>(krum.Given["f"]));
        Assert.Equal(KrumDistance.Euclidean, Assert.IsType<KrumDistance>(krum.Given["distance"]));
        Assert.Equal(KrumNeighbours.OneMore, Assert.IsType<KrumNeighbours>(krum.Given["neighbours"]));
        Assert.Equal(0.25, Assert.IsType<double>(Catalogue.Parse<IDefense>("--defense", "trimmed_mean:trim=0.25").Given["trim"]));
    }

    [Fact]
    public void A_value_without_a_name_is_the_first_parameters()
    {
        Choice<IPartition> choice = Catalogue.Parse<IPartition>("--partition", "dirichlet:0.1");

        Assert.Equal("dirichlet:alpha=0.1", choice.Text);
        Assert.IsType<Dirichlet>(choice.Create());
    }

    [Theory]
    [InlineData("idx:/a,b=c", "/a,b=c")]
    [InlineData("idx:/data/mnist", "/data/mnist")]
    [InlineData("idx:/a:b", "/a:b")]
    [InlineData("idx:directory=/data/mnist", "/data/mnist")]
    public void A_path_is_kept_whole(string written, string path)
    {
        Assert.Equal(path, Catalogue.Parse<IDataSource>("--data", written).Given["directory"]);
        Assert.Equal(path, Assert.Single(Catalogue.ParseList<IDataSource>("--data", written)).Given["directory"]);
    }

    [Theory]
    [InlineData("none,krum:f=4,distance=euclidean,median", "none|krum:f=4,distance=euclidean|median")]
    [InlineData("krum:f=4;median", "krum:f=4|median")]
    [InlineData(" none ; krum:f=4 , neighbours=n-f-1 ;; median ", "none|krum:f=4,neighbours=n-f-1|median")]
    [InlineData("krum:f=1,krum:f=2,krum", "krum:f=1|krum:f=2|krum")]
    [InlineData("krum:1,distance=euclidean", "krum:f=1,distance=euclidean")]
    [InlineData("median", "median")]
    public void A_list_is_parted_by_commas_and_semicolons(string written, string entries) =>
        Assert.Equal(entries.Split('|'), Catalogue.ParseList<IDefense>("--defenses", written).Select(choice => choice.Text));

    [Fact]
    public void All_is_every_kind_that_needs_no_parameter()
    {
        Assert.Equal(
            Catalogue.All<IDefense>().Select(listing => listing.Name),
            Catalogue.ParseList<IDefense>("--defenses", " all ").Select(choice => choice.Text));
        Assert.Equal(["digits", "synthetic"], Catalogue.ParseList<IDataSource>("--data", "all").Select(choice => choice.Text));
    }

    [Fact]
    public void Defaults_fill_in_what_was_not_given()
    {
        var defaults = new Dictionary<string, object> { ["f"] = 9, ["distance"] = KrumDistance.Euclidean };
        Choice<IDefense> choice = Catalogue.Parse<IDefense>("--defense", "krum:f=1,neighbours=n-f-1");

        Assert.Equal("krum:f=1,distance=euclidean,neighbours=n-f-1", choice.Or(defaults).Text);
        Assert.Equal("krum:f=1,neighbours=n-f-1", choice.Text);
    }

    [Theory]
    [InlineData("krum", "krum:distance=euclidean")]
    [InlineData("krum:distance=squared,f=2", "krum:f=2,distance=squared")]
    [InlineData("median", "median:even=lower")]
    [InlineData("multi_krum:keep=5", "multi_krum:keep=5,distance=euclidean")]
    [InlineData("none", "none")]
    public void The_tutorials_dialect_gives_way_to_the_user(string written, string inDialect) =>
        Assert.Equal(inDialect, TutorialPreset.InDialect(Catalogue.Parse<IDefense>("--defense", written)).Text);

    [Theory]
    [InlineData("krumm", "--defense: 'krumm' is unknown; allowed are ")]
    [InlineData("", "--defense: '' is unknown; allowed are ")]
    [InlineData("Krum:f=1", "--defense: 'Krum' is unknown; allowed are ")]
    [InlineData("krum:g=4", "--defense krum:g=4: krum has no parameter 'g'; it has f, distance, neighbours")]
    [InlineData("krum:f=four", "--defense krum:f=four: f is 'four'; allowed is a whole number")]
    [InlineData("krum:f=1.5", "--defense krum:f=1.5: f is '1.5'; allowed is a whole number")]
    [InlineData("krum:f=", "--defense krum:f=: f is ''; allowed is a whole number")]
    [InlineData("krum:distance=l2", "--defense krum:distance=l2: distance is 'l2'; allowed is squared|euclidean|fourth_power")]
    [InlineData("krum:distance=1", "--defense krum:distance=1: distance is '1'; allowed is squared|euclidean|fourth_power")]
    [InlineData("krum:neighbours=paper", "--defense krum:neighbours=paper: neighbours is 'paper'; allowed is n-f-2|n-f-1|n-f|n-f-3")]
    [InlineData("median:even=Lower", "--defense median:even=Lower: even is 'Lower'; allowed is average|lower|upper")]
    [InlineData("trimmed_mean:trim=lots", "--defense trimmed_mean:trim=lots: trim is 'lots'; allowed is a number")]
    [InlineData("krum:f=4,f=5", "--defense krum:f=4,f=5: f is given twice")]
    [InlineData("krum:4,5", "--defense krum:4,5: f is given twice")]
    public void What_is_wrong_is_told_with_what_is_allowed(string written, string message) =>
        Assert.StartsWith(message, Assert.Throws<InputException>(() => Catalogue.Parse<IDefense>("--defense", written)).Message);

    [Fact]
    public void A_kind_without_parameters_says_so()
    {
        Assert.Equal(
            "--attack none:f=1: none has no parameters",
            Assert.Throws<InputException>(() => Catalogue.Parse<IAttack>("--attack", "none:f=1")).Message);
        Assert.Equal(
            "--partition iid:3: iid has no parameters",
            Assert.Throws<InputException>(() => Catalogue.Parse<IPartition>("--partition", "iid:3")).Message);
    }

    [Fact]
    public void A_required_parameter_must_be_given() =>
        Assert.Equal(
            "--data idx: idx needs directory: where the four files are, plain or .gz",
            Assert.Throws<InputException>(() => Catalogue.Parse<IDataSource>("--data", "idx")).Message);

    [Theory]
    [InlineData("")]
    [InlineData(" ; , ;")]
    public void An_empty_list_is_refused(string written) =>
        Assert.Equal(
            $"--attacks: the list is empty; allowed are {string.Join(", ", Catalogue.All<IAttack>().Select(listing => listing.Name))}",
            Assert.Throws<InputException>(() => Catalogue.ParseList<IAttack>("--attacks", written)).Message);

    [Fact]
    public void A_semicolon_ends_an_entry_for_good() =>
        Assert.StartsWith(
            "--defenses: 'distance=euclidean' is unknown",
            Assert.Throws<InputException>(() => Catalogue.ParseList<IDefense>("--defenses", "krum:f=1;distance=euclidean")).Message);

    [Fact]
    public void What_a_constructor_refuses_is_told_with_option_and_choice() =>
        Assert.Equal(
            "--attack label_flip:poison_ratio=2: poison_ratio is 2; allowed is 0 to 1",
            Assert.Throws<InputException>(() => Catalogue.Parse<IAttack>("--attack", "label_flip:2").Create()).Message);
}
