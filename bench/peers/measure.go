package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// sample is one measurement as published.
type sample struct {
	Group     string  `json:"group"`
	Task      string  `json:"task"`
	Contender string  `json:"contender"`
	Version   string  `json:"version,omitempty"` // only in the warm-up's sample
	Threads   int     `json:"threads"`
	Round     int     `json:"round"`             // 0: warm-up, which does not count
	Seconds   float64 `json:"seconds"`           // by the contender's clock
	Host      float64 `json:"host_seconds"`      // by ours, including the round trip
	Amount    float64 `json:"amount"`            // of the work
	Unit      string  `json:"unit"`              // unit of the amount: FLOP, byte or token
	Load      float64 `json:"load"`              // runnable processes just before, one-minute average
	Missing   string  `json:"missing,omitempty"` // why there is no measurement
}

// session measures groups.
type session struct {
	rounds   int
	pause    time.Duration // before each measurement, so that the last contender's threads go to sleep
	random   *rand.Rand
	progress io.Writer
}

// measure loads a group's contenders and lets them take turns, in a new random order for each task and round. A
// contender that does not start, or fails, gives a sample that says why.
func (s session) measure(ctx context.Context, g group) ([]sample, error) {
	running, samples := s.startAll(ctx, g)
	defer func() {
		for _, c := range running {
			c.close()
		}
	}()
	for round := range min(s.rounds, cmp.Or(g.rounds, s.rounds)) + 1 {
		for _, t := range g.tasks {
			for _, i := range s.random.Perm(len(g.entrants)) {
				c, ok := running[i]
				if !ok {
					continue
				}
				if err := ctx.Err(); err != nil {
					return samples, err
				}
				one := s.one(ctx, g, t, g.entrants[i], c, round)
				if samples = append(samples, one); one.Missing != "" {
					c.close()
					delete(running, i)
				}
			}
		}
	}
	return samples, nil
}

// startAll loads the contenders; the result is indexed like the group.
func (s session) startAll(ctx context.Context, g group) (map[int]contender, []sample) {
	running := map[int]contender{}
	var samples []sample
	for i, e := range g.entrants {
		fmt.Fprintf(s.progress, "%s: start %s\n", g.name, e.name)
		c, err := e.start(ctx, running[0])
		if err == nil {
			running[i] = c
			continue
		}
		fmt.Fprintf(s.progress, "%s: %s: n/a (%v)\n", g.name, e.name, err)
		for _, t := range g.tasks {
			samples = append(samples, sample{
				Group: g.name, Task: t.String(), Contender: e.name, Threads: g.threads, Missing: err.Error(),
			})
		}
	}
	return running, samples
}

func (s session) one(ctx context.Context, g group, t task, e entrant, c contender, round int) sample {
	time.Sleep(s.pause)
	one := sample{
		Group: g.name, Task: t.String(), Contender: e.name, Threads: g.threads, Round: round, Load: load1(),
	}
	if round == 0 {
		one.Version = c.version()
	}
	one.Amount, one.Unit = t.amount()
	took, err := c.run(ctx, t)
	if err != nil {
		one.Missing = err.Error()
		fmt.Fprintf(s.progress, "%s: %s: n/a (%v)\n", g.name, e.name, err)
		return one
	}
	one.Seconds, one.Host = took.own.Seconds(), took.host.Seconds()
	fmt.Fprintf(s.progress, "%s: round %d: %s: %s: %v\n", g.name, round, t, e.name, took.own)
	return one
}
