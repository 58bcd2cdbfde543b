package bundle

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
)

// Errors that callers distinguish.
var (
	ErrInvalid = errors.New("no valid bundle")
	ErrNewer   = errors.New("bundle of a newer archbench")
)

// A bundle may come from anybody, so what it can make a reader hold in memory is bounded.
const (
	maxManifest = 4 << 20
	maxTotal    = 1 << 30
	maxFiles    = 10_000
	maxSamples  = 10_000_000
	// maxRatio bounds how much larger than the archive its files may be; those of real runs are about ten times as large.
	maxRatio = 50
	// free is the size up to which the ratio does not matter.
	free = 16 << 20
)

// Bundle is a bundle that was read, but not verified.
type Bundle struct {
	manifest
	files map[string][]byte
}

// Read reads a bundle from an archive of the given size. Everything stays in memory: no file is written.
func Read(archive io.Reader, size int64) (*Bundle, error) {
	buffered := bufio.NewReader(archive)
	zipped, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, invalid("%w", err)
	}
	zipped.Multistream(false)
	b := &Bundle{files: map[string][]byte{}}
	if err := b.unpack(&io.LimitedReader{R: zipped, N: 2 * maxManifest}, size); err != nil {
		return nil, err
	}
	if _, err := buffered.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, invalid("there is more behind its end")
	}
	return b, nil
}

// invalid says why a file is not a bundle.
func invalid(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("it is cut off: %w", err)
	}
	return fmt.Errorf("%w: %w", ErrInvalid, err)
}

// unpack reads the manifest, then exactly the files that it lists.
func (b *Bundle) unpack(plain *io.LimitedReader, size int64) error {
	archive := tar.NewReader(plain)
	list, err := next(archive, manifestName, maxManifest)
	if err != nil {
		return err
	}
	if err := b.readManifest(list); err != nil {
		return err
	}
	total, err := b.bounded(size)
	if err != nil {
		return err
	}
	plain.N = total + int64(len(b.Files)+1)*4096
	for _, e := range b.Files {
		data, err := next(archive, e.Name, e.Size)
		if err != nil {
			return err
		}
		if int64(len(data)) != e.Size {
			return invalid("%s has %d bytes, the manifest says %d", e.Name, len(data), e.Size)
		}
		b.files[e.Name] = data
	}
	if header, err := archive.Next(); err == nil {
		return invalid("entry %q is not in the manifest", header.Name)
	} else if !errors.Is(err, io.EOF) {
		return invalid("%w", err)
	}
	rest, err := io.ReadAll(plain) // to its checksum
	if err != nil {
		return invalid("%w", err)
	}
	if len(bytes.Trim(rest, "\x00")) > 0 {
		return invalid("there is more behind its last entry")
	}
	return nil
}

// next reads the next entry, which must be a regular file of the given name and of at most limit bytes.
func next(archive *tar.Reader, name string, limit int64) ([]byte, error) {
	header, err := archive.Next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, invalid("it has no %s", name)
	case err != nil:
		return nil, invalid("%w", err)
	case header.Name != name:
		return nil, invalid("entry %q is where %s must be", header.Name, name)
	case header.Typeflag != tar.TypeReg:
		return nil, invalid("entry %q is a link, a folder or a special file", name)
	case header.Size > limit && name == manifestName:
		return nil, invalid("%s has %d bytes; at most %d are allowed", name, header.Size, limit)
	case header.Size > limit:
		return nil, invalid("%s has %d bytes, the manifest says %d", name, header.Size, limit)
	}
	data, err := io.ReadAll(archive)
	if err != nil {
		return nil, invalid("%s: %w", name, err)
	}
	return data, nil
}

// readManifest decodes the manifest and checks the names in it.
func (b *Bundle) readManifest(list []byte) error {
	var version struct{ Format int }
	if err := json.Unmarshal(list, &version); err != nil {
		return invalid("%s: %w", manifestName, err)
	}
	if version.Format > format {
		return fmt.Errorf("%w: its format is %d and this archbench knows up to %d; verify it with the archbench that made it",
			ErrNewer, version.Format, format)
	}
	if err := strictly(list, &b.manifest); err != nil || b.Format < 1 {
		return invalid("%s: %w", manifestName, orFormat(err))
	}
	last := ""
	for _, e := range b.Files {
		if !allowed(e.Name) {
			return invalid("%s lists %q, which no bundle has", manifestName, e.Name)
		}
		if e.Name <= last {
			return invalid("%s lists %q twice or not in order", manifestName, e.Name)
		}
		last = e.Name
	}
	return nil
}

// orFormat is the error of a manifest that is JSON but has no format.
func orFormat(err error) error {
	if err == nil {
		err = errors.New("it has no format")
	}
	return err
}

// allowed reports whether a bundle may have a file of that name.
func allowed(name string) bool {
	switch name {
	case planName, environmentName, samplesName:
		return true
	}
	return strings.HasPrefix(name, reportFolder) && fs.ValidPath(name) && !strings.Contains(name, `\`)
}

// bounded returns the declared size of all files unless it is too large for an archive of size bytes.
func (b *Bundle) bounded(size int64) (total int64, err error) {
	if len(b.Files) > maxFiles {
		return 0, invalid("it has %d files; at most %d are allowed", len(b.Files), maxFiles)
	}
	for _, e := range b.Files {
		if e.Size < 0 || e.Size > maxTotal {
			return 0, invalid("%s: %s has a size of %d bytes; at most %d are allowed", manifestName, e.Name, e.Size, maxTotal)
		}
		total += e.Size
	}
	if limit := min(maxTotal, max(free, size*maxRatio)); total > limit {
		return 0, invalid("its %d bytes unpack to %d; at most %d are allowed", size, total, limit)
	}
	return total, nil
}

// run rebuilds the run from plan, environment and samples.
func (b *Bundle) run() (*record.Run, error) {
	var run record.Run
	if err := strictly(b.files[planName], &run); err != nil {
		return nil, fmt.Errorf("%s: %w", planName, err)
	}
	var e environment
	if err := strictly(b.files[environmentName], &e); err != nil {
		return nil, fmt.Errorf("%s: %w", environmentName, err)
	}
	run.Host, run.Models = e.Host, e.Models
	if run.ID != b.Run {
		return nil, fmt.Errorf("%s is of run %q, %s of run %q", planName, run.ID, manifestName, b.Run)
	}
	if err := run.Whole(); err != nil {
		return nil, fmt.Errorf("%s: %w", planName, err)
	}
	if err := readSamples(b.files[samplesName], &run); err != nil {
		return nil, fmt.Errorf("%s: %w", samplesName, err)
	}
	return &run, nil
}

// readSamples adds the samples to the cells of a run.
func readSamples(lines []byte, run *record.Run) error {
	cells := map[string]*record.Cell{}
	for _, c := range run.All() {
		cells[c.ID] = c
	}
	n := 0
	for line := range bytes.Lines(lines) {
		if n++; n > maxSamples {
			return fmt.Errorf("it has more than %d lines", maxSamples)
		}
		var s record.SampleLine
		if err := strictly(line, &s); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		c := cells[s.Cell]
		if c == nil {
			return fmt.Errorf("line %d: run %s has no cell %.10q", n, run.ID, s.Cell)
		}
		if s.Dropped < 0 {
			return fmt.Errorf("line %d: %d dropped calls", n, s.Dropped)
		}
		c.Samples = append(c.Samples, s.Sample)
	}
	return nil
}

// strictly decodes one JSON value whose keys are all known.
func strictly(data []byte, value any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(value); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more behind its end")
	}
	return nil
}
