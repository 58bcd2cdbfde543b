package lmplugin

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmpb"
)

// closeTimeout bounds calls that release something, which have no context of their own.
const closeTimeout = 10 * time.Second

// client is the host's end of a connection: an lm.Architecture whose models are in the plugin.
type client struct {
	rpc         lmpb.LanguageModelServiceClient
	description lm.Description
	// explain returns why the connection failed, or nil if it did not fail and the error came from the plugin.
	explain func(op string, err error) error
}

// connect asks the plugin for its description.
func connect(ctx context.Context, rpc lmpb.LanguageModelServiceClient, explain func(op string, err error) error) (*client, error) {
	c := &client{rpc: rpc, explain: explain}
	reply, err := rpc.Describe(ctx, &lmpb.DescribeRequest{})
	if err != nil {
		return nil, c.failed(ctx, "describe", err)
	}
	c.description = describeFromPB(reply)
	if err := c.description.Check(); err != nil {
		return nil, c.failed(ctx, "describe", err)
	}
	return c, nil
}

// failed turns the error of an RPC into an *lm.Error; nil stays nil.
func (c *client) failed(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if own, ok := errors.AsType[*lm.Error](err); ok { // found on this side of the wire
		return lm.Errorf(own.Kind, op, "%w", own.Err)
	}
	if _, ok := errors.AsType[*lm.ReplyError](err); ok { // also found on this side
		return &lm.Error{Op: op, Kind: lm.Internal, Err: err}
	}
	if ctx.Err() == nil {
		if death := c.explain(op, err); death != nil {
			return death
		}
	}
	return fromStatus(ctx, op, err)
}

// release calls an RPC that releases something.
func (c *client) release(op string, rpc func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return c.failed(ctx, op, rpc(ctx))
}

// Describe implements lm.Architecture with the description that the plugin gave when it was launched.
func (c *client) Describe(context.Context) (lm.Description, error) { return c.description, nil }

func (c *client) Calibrate(ctx context.Context, threads int) (lm.Roofline, error) {
	if !c.description.Has(lm.AbilityCalibrate) {
		return lm.Roofline{}, noAbility("calibrate", lm.AbilityCalibrate)
	}
	narrowed, err := narrow("calibrate", "threads", threads)
	if err != nil {
		return lm.Roofline{}, err
	}
	reply, err := c.rpc.Calibrate(ctx, &lmpb.CalibrateRequest{Threads: narrowed})
	if err != nil {
		return lm.Roofline{}, c.failed(ctx, "calibrate", err)
	}
	roofline := rooflineFromPB(reply)
	if err := roofline.Check(); err != nil {
		return lm.Roofline{}, c.failed(ctx, "calibrate", err)
	}
	return roofline, nil
}

func (c *client) Load(ctx context.Context, req lm.LoadRequest) (lm.Model, error) {
	wire, err := c.loadRequest(req)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	reply, err := c.rpc.Load(ctx, wire)
	took := time.Since(start)
	if err != nil {
		return nil, c.failed(ctx, "load", err)
	}
	m, err := c.loaded(req, reply.GetModel(), reply.GetInfo(), took)
	if err != nil {
		return nil, c.failed(ctx, "load", err)
	}
	return m, nil
}

// loadRequest refuses devices and limits that the plugin does not have.
func (c *client) loadRequest(req lm.LoadRequest) (*lmpb.LoadRequest, error) {
	device, err := c.description.Device(req.Device)
	if err == nil && req.DeviceMemory != 0 && device.Memory == 0 {
		err = lm.Errorf(lm.Unsupported, "load", "n/a (the model's device has no memory of its own to limit)")
	}
	if err != nil {
		return nil, err
	}
	return loadToPB(req)
}

// loaded returns the proxy of a model whose Load call took that long.
func (c *client) loaded(req lm.LoadRequest, handle uint64, wire *lmpb.ModelInfo, took time.Duration) (*model, error) {
	info := infoFromPB(wire).Of(c.description)
	if err := cmp.Or(info.Check(c.description), lm.CheckClock("the time to load", info.LoadTime, took)); err != nil {
		return nil, err
	}
	if req.Device != "" && info.Device.Name != req.Device {
		return nil, lm.Faultf(lm.Contradiction, "asked for the model on %s, got it on %q", req.Device, info.Device.Name)
	}
	if handle == 0 {
		return nil, lm.Faultf(lm.Malformed, "a model without a handle")
	}
	return &model{client: c, handle: handle, info: info}, nil
}

// model is the proxy of a model in the plugin. It implements every optional interface.
type model struct {
	client *client
	handle uint64
	info   lm.ModelInfo
	closed atomic.Bool
}

var (
	_ lm.Architecture   = (*client)(nil)
	_ lm.Calibrator     = (*client)(nil)
	_ lm.Model          = (*model)(nil)
	_ lm.Stepper        = (*model)(nil)
	_ lm.Generator      = (*model)(nil)
	_ lm.Coster         = (*model)(nil)
	_ lm.MemoryReporter = (*model)(nil)
	_ lm.Saver          = (*model)(nil)
)

// ready fails if the model is closed or lacks one of the abilities.
func (m *model) ready(op string, abilities ...lm.Ability) error {
	if m.closed.Load() {
		return lm.Errorf(lm.Invalid, op, "the model is closed")
	}
	for _, a := range abilities {
		if !m.info.Has(a) {
			return noAbility(op, a)
		}
	}
	return nil
}

func (m *model) Info() lm.ModelInfo { return m.info }

func (m *model) Close() error {
	if m.closed.Swap(true) {
		return nil
	}
	return m.client.release("close", func(ctx context.Context) error {
		_, err := m.client.rpc.Unload(ctx, &lmpb.UnloadRequest{Model: m.handle})
		return err
	})
}

func (m *model) Cost(ctx context.Context, req lm.CostRequest) (lm.CostReply, error) {
	abilities := []lm.Ability{lm.AbilityCost}
	if req.Count {
		abilities = append(abilities, lm.AbilityCount)
	}
	if err := m.ready("cost", abilities...); err != nil {
		return lm.CostReply{}, err
	}
	batch, err := narrow("cost", "batch", req.Batch)
	if err != nil {
		return lm.CostReply{}, err
	}
	start := time.Now()
	reply, err := m.client.rpc.Cost(ctx, &lmpb.CostRequest{
		Model:  m.handle,
		Phase:  phases[req.Phase],
		Batch:  batch,
		Length: int64(req.Length),
		Count:  req.Count,
	})
	took := time.Since(start)
	if err != nil {
		return lm.CostReply{}, m.client.failed(ctx, "cost", err)
	}
	out := lm.CostReply{
		Analytic:   mapped(reply.GetAnalytic(), costFromPB),
		Counted:    mapped(reply.GetCounted(), costFromPB),
		Reference:  mapped(reply.GetReference(), costFromPB),
		Least:      mapped(reply.GetLeast(), costFromPB),
		Most:       mapped(reply.GetMost(), costFromPB),
		StateBytes: -1,
		Compute:    time.Duration(reply.GetComputeNs()),
	}
	if reply.StateBytes != nil {
		out.StateBytes = reply.GetStateBytes()
	}
	err = cmp.Or(out.Check(), lm.CheckClock("the time of the count", out.Compute, took))
	return out, m.client.failed(ctx, "cost", err)
}

func (m *model) Memory(ctx context.Context, reset bool) (lm.Memory, error) {
	if err := m.ready("memory", lm.AbilityMemory); err != nil {
		return lm.Memory{}, err
	}
	reply, err := m.client.rpc.Memory(ctx, &lmpb.MemoryRequest{Model: m.handle, Reset_: reset})
	if err != nil {
		return lm.Memory{}, m.client.failed(ctx, "memory", err)
	}
	memory := lm.Memory{Live: mapped(reply.GetLive(), bytesFromPB), Peak: mapped(reply.GetPeak(), bytesFromPB)}
	return memory, m.client.failed(ctx, "memory", memory.Check(hostMemory(), m.info.Device))
}

func (m *model) Save(ctx context.Context, dir string) error {
	if err := m.ready("save", lm.AbilitySave); err != nil {
		return err
	}
	_, err := m.client.rpc.Save(ctx, &lmpb.SaveRequest{Model: m.handle, Dir: dir})
	return m.client.failed(ctx, "save", err)
}
