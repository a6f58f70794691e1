package redis

import (
	_ "embed"

	goredis "github.com/redis/go-redis/v9"
)

//go:embed scripts/push.lua
var pushText string

//go:embed scripts/register.lua
var registerText string

//go:embed scripts/position.lua
var positionText string

//go:embed scripts/release.lua
var releaseText string

//go:embed scripts/take.lua
var takeText string

//go:embed scripts/ack.lua
var ackText string

//go:embed scripts/giveback.lua
var giveBackText string

//go:embed scripts/renew.lua
var renewText string

//go:embed scripts/restore.lua
var restoreText string

//go:embed scripts/stay.lua
var stayText string

//go:embed scripts/depth.lua
var depthText string

//go:embed scripts/pause.lua
var pauseText string

// scripts are sent by their digest, and whole to a server that does not know
// them (new, restarted or failed over to).
type scripts struct {
	push, register, position, release, take, ack, giveBack, renew, restore, stay, depth, pause *goredis.Script
}

func newScripts() scripts {
	return scripts{
		push: goredis.NewScript(pushText), register: goredis.NewScript(registerText),
		position: goredis.NewScript(positionText),
		release:  goredis.NewScript(releaseText), take: goredis.NewScript(takeText),
		ack: goredis.NewScript(ackText), giveBack: goredis.NewScript(giveBackText),
		renew:   goredis.NewScript(renewText),
		restore: goredis.NewScript(restoreText), stay: goredis.NewScript(stayText), depth: goredis.NewScript(depthText),
		pause: goredis.NewScript(pauseText),
	}
}
