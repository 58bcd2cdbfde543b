package exchange

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
)

// parquetRow is one call, with all that says what it is: flat columns are what data frames read best. Blank text is null.
type parquetRow struct {
	Run           string    `parquet:"run,dict"`
	Started       time.Time `parquet:"started,timestamp(microsecond)"`
	Version       string    `parquet:"version,optional,dict"`
	Host          string    `parquet:"host,optional,dict"` // fingerprint
	Suite         string    `parquet:"suite,optional,dict"`
	Probe         string    `parquet:"probe,dict"`
	Cell          string    `parquet:"cell,dict"`
	Model         string    `parquet:"model,dict"`
	Architecture  string    `parquet:"architecture,optional,dict"`
	Precision     string    `parquet:"precision,optional,dict"`
	Threads       int32     `parquet:"threads"`
	Device        string    `parquet:"device,optional,dict"`
	PluginSHA256  string    `parquet:"plugin_sha256,optional,dict"`
	WeightsSHA256 string    `parquet:"weights_sha256,optional,dict"`
	parquetAxes
	Settings      string   `parquet:"settings,optional,dict"` // of the probe, such as tokens=64
	Validity      string   `parquet:"validity,optional,dict"` // of the cell
	Reasons       string   `parquet:"validity_reasons,optional,dict"`
	Metric        string   `parquet:"metric,dict"`
	Label         string   `parquet:"label,optional,dict"`
	Block         int32    `parquet:"block"`
	Position      int32    `parquet:"position"`
	Round         int32    `parquet:"round"`
	Attempt       int32    `parquet:"attempt"`
	Counts        bool     `parquet:"counts"`
	Value         float64  `parquet:"value"`
	Unit          string   `parquet:"unit,dict"`
	HostSeconds   *float64 `parquet:"host_seconds,optional"`
	PluginSeconds *float64 `parquet:"plugin_seconds,optional"`
}

// parquetAxes are the axes of all probes; a test compares them with the probes.
type parquetAxes struct {
	Phase   string `parquet:"phase,optional,dict"`
	Len     *int64 `parquet:"len,optional"`
	Batch   *int64 `parquet:"batch,optional"`
	Context *int64 `parquet:"context,optional"`
	Stride  *int64 `parquet:"stride,optional"`
	Depth   *int64 `parquet:"depth,optional"`
	Task    string `parquet:"task,optional,dict"`
}

// writeParquet writes one row for each call of every sample.
func writeParquet(w io.Writer, runs []*record.Run) ([]string, error) {
	if !slices.ContainsFunc(runs, func(r *record.Run) bool {
		return slices.ContainsFunc(r.All(), func(c *record.Cell) bool { return len(c.Samples) > 0 })
	}) {
		return nil, fmt.Errorf("%w: no sample was measured", ErrNothing)
	}
	out := parquet.NewGenericWriter[parquetRow](w, parquet.Compression(&parquet.Zstd))
	for _, run := range runs {
		ix := result.New(run)
		for _, c := range run.All() {
			if _, err := out.Write(parquetRows(ix, c)); err != nil {
				return nil, fmt.Errorf("Parquet: %w", err)
			}
		}
	}
	if err := out.Close(); err != nil {
		return nil, fmt.Errorf("Parquet: %w", err)
	}
	return nil, nil
}

func parquetRows(ix *result.Index, c *record.Cell) (rows []parquetRow) {
	run, judgement := ix.Run, ix.Judge(c)
	m := model(run, c)
	about := parquetRow{
		Run: run.ID, Started: run.Started.UTC(), Version: run.Version, Host: run.Host.Fingerprint, Suite: c.Suite, Probe: c.Probe, Cell: c.ID,
		Model: c.Model, Architecture: m.Architecture, Precision: result.PrecisionOf(m), Threads: int32(m.Threads), Device: m.Device,
		PluginSHA256: m.PluginSHA, WeightsSHA256: m.WeightsSHA, parquetAxes: axesOf(c.Point), Settings: c.Params.String(),
		Validity: judgement.Validity.String(), Reasons: strings.Join(judgement.Reasons, "; "),
	}
	counts := c.Counts()
	for _, s := range c.Samples {
		row := about
		row.Metric, row.Label, row.Unit, row.Block, row.Position = s.Metric, s.Label, s.Unit, int32(s.Block), int32(s.Position)
		row.HostSeconds, row.PluginSeconds = seconds(s.Host), seconds(s.Plugin)
		row.Attempt = int32(s.Attempt)
		for round, v := range s.Every() {
			row.Round, row.Value, row.Counts = int32(round), v, counts(&s) && round >= s.Dropped
			rows = append(rows, row)
		}
	}
	return rows
}

func axesOf(p record.Point) parquetAxes {
	number := func(name string) *int64 {
		n, err := strconv.ParseInt(p.Get(name), 10, 64)
		if err != nil {
			return nil
		}
		return &n
	}
	return parquetAxes{
		Phase: p.Get("phase"), Len: number("len"), Batch: number("batch"), Context: number("context"), Stride: number("stride"), Depth: number("depth"), Task: p.Get("task"),
	}
}

// seconds is a time of a sample; what is not a timing has none.
func seconds(d time.Duration) *float64 {
	if d <= 0 {
		return nil
	}
	s := d.Seconds()
	return &s
}
