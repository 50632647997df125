package identity

import (
	"context"
	"time"
)

// lateEvery is how often it is written at the latest that a credential is still in use
// which was rotated: an alarm does not wait for Config.LastUsedEvery.
const lateEvery = time.Minute

// upkeep does in the background what nobody waits for: it writes down who was
// here, warns of what ends soon, and lets go of tokens that nobody shows any more and
// of idempotency keys that have ended.
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
	tick, late := time.NewTicker(a.cfg.LastUsedEvery), time.NewTicker(min(a.cfg.LastUsedEvery, lateEvery))
	defer tick.Stop()
	defer late.Stop()
	var next, sweep int64 // when to look at what ends, and to forget keys, by the clock
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
			a.verified.sweep(a.clock.Now())
			if now := a.clock.Now(); now >= sweep {
				sweep = now + forgetEvery.Microseconds()
				if err := a.forgetIdempotencyKeys(ctx); err != nil && ctx.Err() == nil {
					a.log.Warn("idempotency keys that have ended could not be forgotten; it will be tried again", "err", err)
				}
			}
		case <-late.C:
			a.writeLateUses(ctx)
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
