package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/strictjson"
	"github.com/archbench/archbench/lm"
)

// Architecture serves a Family as an lm.Architecture. A process may load several models; they compute one at a time.
type Architecture struct {
	family Family
	gate   chan struct{} // held while computing
}

var _ lm.Architecture = (*Architecture)(nil)

// New returns an Architecture for the family.
func New(f Family) *Architecture { return &Architecture{family: f, gate: make(chan struct{}, 1)} }

// Version is the version of the plugins' code. It only appears in their description: a plugin is identified by the sha256
// of its files.
const Version = "1"

// Describe implements lm.Architecture.
func (a *Architecture) Describe(context.Context) (lm.Description, error) {
	d := a.family.Describe()
	d.Version, d.Language, d.Kernels = Version, "go", kernel.Tier()
	d.Precisions = kernel.FormatNames
	d.Abilities, d.Devices = slices.Clone(abilities), []lm.Device{cpu}
	return d, nil
}

// cpu is the device of all models.
var cpu = lm.Device{Name: "cpu", Summary: "the host's processor, " + runtime.GOARCH}

// abilities are those of the engine's models.
var abilities = []lm.Ability{
	lm.AbilityStep, lm.AbilityGenerate, lm.AbilityCost, lm.AbilityCount, lm.AbilityMemory, lm.AbilityVersus, lm.AbilitySave,
	lm.AbilityAnswers, lm.AbilitySample, lm.AbilityTrain,
}

// abilities returns those of this model. A model that needs the whole sequence at once has no state to step, and packed
// weights can neither be saved nor trained.
func (m *Model) abilities() []lm.Ability {
	state := m.net.NewState() != nil
	_, cannotSave := m.params.Tensors()
	cannotTrain := m.params.CheckTrainable()
	return slices.DeleteFunc(slices.Clone(abilities), func(a lm.Ability) bool {
		switch a {
		case lm.AbilityStep, lm.AbilitySample, lm.AbilityGenerate:
			return !state
		case lm.AbilitySave:
			return cannotSave != nil
		case lm.AbilityTrain:
			return cannotTrain != nil
		}
		return false
	})
}

// Load implements lm.Architecture. It ends soon after ctx does.
func (a *Architecture) Load(ctx context.Context, req lm.LoadRequest) (lm.Model, error) {
	start := time.Now()
	if err := ctx.Err(); err != nil {
		return nil, wrap("load", err)
	}
	m, err := a.load(ctx, req)
	if err != nil {
		return nil, wrap("load", err)
	}
	debug.FreeOSMemory() // garbage of packing is not part of the model
	m.info.LoadTime = time.Since(start)
	return m, nil
}

func (a *Architecture) load(ctx context.Context, req lm.LoadRequest) (*Model, error) {
	if req.Device != "" && req.Device != cpu.Name {
		return nil, lm.Errorf(lm.Unsupported, "", "no device %s: there is %s", req.Device, cpu.Name)
	}
	if req.DeviceMemory != 0 {
		return nil, lm.Errorf(lm.Unsupported, "", "a limit of the device's memory: the cpu uses the host's")
	}
	precision, err := nn.ParsePrecision(req.Precision, req.Head)
	if err != nil {
		return nil, &lm.Error{Kind: lm.Invalid, Err: err}
	}
	if err := kernel.Available(); err != nil {
		return nil, &lm.Error{Kind: lm.Unsupported, Err: err}
	}
	config, folder, err := a.open(req)
	if err != nil {
		return nil, err
	}
	var src nn.Source
	if folder != nil {
		src = folder
	}
	ps := nn.NewParams(src, req.Seed, precision)
	ps.StopOn(ctx.Err)
	pool := kernel.NewPool(threads(req))
	ps.On(pool)
	net, warnings, err := a.family.New(config, req.Options, ps)
	if err = loadError(err, ps); err != nil {
		pool.Close()
		if folder != nil {
			err = errors.Join(err, folder.Close())
		}
		return nil, err
	}
	m := &Model{arch: a, net: net, params: ps, pool: pool, folder: folder, sessions: map[*session]struct{}{}}
	m.main.pass.Pool, m.second.pass.Pool = m.pool, m.pool
	m.describe(req, append(warnings, ps.Warnings()...))
	if folder != nil {
		ends, more := folder.Ends(m.info.EOS, m.info.Vocab)
		m.info.EOS, m.info.Warnings = ends, append(m.info.Warnings, more...)
	}
	return m, nil
}

// loadError returns what went wrong in a family's New, if anything, given its error.
func loadError(err error, ps *nn.Params) error {
	switch stored := ps.Err(); {
	case lm.KindOf(stored) == lm.Deadline:
		return stored
	case stored != nil:
		return &lm.Error{Kind: lm.Corrupt, Err: stored}
	case err != nil:
		return &lm.Error{Kind: lm.Invalid, Err: fmt.Errorf("config: %w", err)}
	}
	if err := ps.CheckPrecision(); err != nil {
		return &lm.Error{Kind: lm.Invalid, Err: err}
	}
	return nil
}

// describe fills in the model's info.
func (m *Model) describe(req lm.LoadRequest, warnings []string) {
	m.info = m.net.Info()
	m.info.Architecture = m.arch.family.Describe().Name
	m.info.Config = string(m.net.Config())
	m.info.Parameters = m.params.Count()
	for _, c := range m.params.Bytes() {
		m.info.Bytes = append(m.info.Bytes, lm.ByteClass{Class: c.Class, Bytes: c.Bytes})
	}
	precision := m.params.Precision()
	m.info.Precision, m.info.HeadPrecision = precision.String(), precision.Head.String()
	m.info.Kernels, m.info.Threads = kernel.Tier(), m.pool.Threads()
	m.info.Initialised = req.Checkpoint == ""
	m.info.Warnings = warnings
	m.info.Abilities, m.info.Device = m.abilities(), cpu
}

// threads is the requested number of threads, by default GOMAXPROCS.
func threads(req lm.LoadRequest) int {
	if req.Threads > 0 {
		return req.Threads
	}
	return runtime.GOMAXPROCS(0)
}

// open returns the config, and the checkpoint if there is one.
func (a *Architecture) open(req lm.LoadRequest) (config []byte, folder *checkpoint.Folder, err error) {
	sources := 0
	for _, s := range []string{req.Checkpoint, req.Config, req.Variant} {
		if s != "" {
			sources++
		}
	}
	if sources != 1 {
		return nil, nil, lm.Errorf(lm.Invalid, "", "give exactly one of checkpoint, config and variant, not %d", sources)
	}
	switch {
	case req.Checkpoint != "":
		if folder, err = checkpoint.Open(req.Checkpoint); err != nil {
			kind := lm.Corrupt
			if errors.Is(err, fs.ErrNotExist) {
				kind = lm.NotFound
			}
			return nil, nil, &lm.Error{Kind: kind, Err: err}
		}
		return folder.Config(), folder, nil
	case req.Config != "":
		config, err := strictjson.Standard([]byte(req.Config))
		if err != nil {
			return nil, nil, lm.Errorf(lm.Invalid, "", "config: %w", err)
		}
		return config, nil, nil
	}
	var names []string
	for _, v := range a.family.Describe().Variants {
		if v.Name == req.Variant {
			return []byte(v.Config), nil, nil
		}
		names = append(names, v.Name)
	}
	return nil, nil, lm.Errorf(lm.NotFound, "", "no variant %q: there are %s", req.Variant, strings.Join(names, ", "))
}
