// Package bundle packs a run and its report into one file that a reviewer can verify on another machine: what was planned,
// the environment, every raw sample, and the report, which must follow from them.
package bundle

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"time"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/report"
)

// format is the version of the layout. An archbench refuses bundles of a newer one.
const format = 1

// The files of a bundle. The manifest comes first, the others follow in the order of their names.
const (
	manifestName    = "manifest.json"
	planName        = "plan.json"        // the run with its cells, without samples
	environmentName = "environment.json" // host and models
	samplesName     = "samples.jsonl"
	reportFolder    = "report/"
	reportData      = reportFolder + "report.json"
)

// Maker is the program that rendered a report. Equal makers render equal bytes from equal samples.
type Maker struct {
	Version  string `json:"archbench"`
	Go       string `json:"go"` // compresses the pictures
	Platform string `json:"platform"`
}

// Self is this program.
func Self(version string) Maker {
	return Maker{version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
}

// String returns "archbench v0.1.0 (go1.26, linux/amd64)".
func (m Maker) String() string {
	return fmt.Sprintf("archbench %s (%s, %s)", m.Version, m.Go, m.Platform)
}

// manifest lists all other files.
type manifest struct {
	Format int `json:"format"`
	Maker
	Run   string  `json:"run"`
	Files []entry `json:"files"`
}

type entry struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// environment is where a run was measured, and with which plugins, weights and tokenizers.
type environment struct {
	Host   record.Host    `json:"host"`
	Models []record.Model `json:"models"`
}

// Write writes the bundle of a run. The same run and maker always give the same bytes.
func Write(w io.Writer, run *record.Run, by Maker) error {
	if err := write(w, run, by); err != nil {
		return fmt.Errorf("bundle run %s: %w", run.ID, err)
	}
	return nil
}

func write(w io.Writer, run *record.Run, by Maker) error {
	files, err := render(report.Build(run))
	if err != nil {
		return err
	}
	var samples bytes.Buffer
	for _, c := range run.All() {
		if err := c.WriteSamples(&samples); err != nil {
			return err
		}
	}
	files[samplesName] = samples.Bytes()
	if files[planName], err = json.MarshalIndent(run, "", " "); err != nil {
		return err
	}
	if files[environmentName], err = json.MarshalIndent(environment{run.Host, run.Models}, "", " "); err != nil {
		return err
	}
	return pack(w, manifest{Format: format, Maker: by, Run: run.ID}, files)
}

// render returns the contents of a report's files by their names in a bundle.
func render(r *report.Report) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, f := range r.Files() {
		var b bytes.Buffer
		if err := f.Write(&b); err != nil {
			return nil, err
		}
		files[reportFolder+f.Name] = b.Bytes()
	}
	return files, nil
}

// pack writes the archive of files with their manifest.
func pack(w io.Writer, m manifest, files map[string][]byte) error {
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		m.Files = append(m.Files, entry{name, int64(len(files[name])), sha(files[name])})
	}
	list, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	zipped := gzip.NewWriter(w)
	archive := tar.NewWriter(zipped)
	err = add(archive, manifestName, list)
	for _, name := range names {
		err = cmp.Or(err, add(archive, name, files[name]))
	}
	return cmp.Or(err, archive.Close(), zipped.Close())
}

// add writes an entry without a time or an owner.
func add(archive *tar.Writer, name string, data []byte) error {
	header := tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(data)), Mode: 0o644, ModTime: time.Unix(0, 0)}
	if err := archive.WriteHeader(&header); err != nil {
		return err
	}
	_, err := archive.Write(data)
	return err
}

func sha(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
