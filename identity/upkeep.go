package identity

import (
	"context"
	"time"
)

// upkeep does in the background what nobody waits for: it writes down who was
// here, warns of what ends soon, and lets go of tokens that nobody shows any more.
func (a *Authority) upkeep() {
	defer a.stopped.Done()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-a.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	tick := time.NewTicker(a.cfg.LastUsedEvery)
	defer tick.Stop()
	var next int64 // look at what ends, by the clock
	for {
		if now := a.clock.Now(); now >= next && a.cfg.OnExpiry != nil {
			next = now + warnEvery.Microseconds()
			if err := a.warnExpiry(ctx); err != nil && ctx.Err() == nil {
				next = now + warnAgain.Microseconds()
				a.log.Error("not all warnings of what ends soon could be given; they will be tried again", "err", err)
			}
		}
		select {
		case <-a.stop:
			return
		case <-tick.C:
			if err := a.writeUses(ctx); err != nil && ctx.Err() == nil {
				a.log.Warn("when credentials were last used could not be written; it will be tried again", "err", err)
			}
			a.writeLateUses(ctx)
			a.verified.sweep(a.clock.Now())
		}
	}
}

// lastUses writes what is left at the end.
func (a *Authority) lastUses() {
	ctx, cancel := context.WithTimeout(context.Background(), a.cfg.MaxWrite)
	defer cancel()
	a.writeLateUses(ctx)
	if err := a.writeUses(ctx); err != nil {
		a.log.Warn("when credentials were last used could not be written, and is lost", "err", err)
	}
}
