package controller

// Kept is of how many pipelines something is remembered, and how many Kafka clients are open.
func (r *Reconciler) Kept() (pipelines, clients int) { return len(r.memories.all), len(r.clients.all) }
