-- The health of a FeedbackPipeline for Argo CD. Put it into the ConfigMap argocd-cm under
-- resource.customizations.health.feedbackpipeline.dev_FeedbackPipeline, see docs/spec/feedbackpipeline.md.
local health = { status = "Progressing", message = "the operator has not looked at it yet" }
if obj.status == nil or obj.status.conditions == nil then
  return health
end
if obj.metadata.generation ~= nil and obj.status.observedGeneration ~= obj.metadata.generation then
  health.message = "the operator has not looked at the newest spec yet"
  return health
end
local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end
local function is(kind, status)
  return conditions[kind] ~= nil and conditions[kind].status == status
end
local function say(status, condition)
  return { status = status, message = condition.reason .. ": " .. condition.message }
end
if is("Stalled", "True") then
  return say("Degraded", conditions.Stalled)
end
if is("Reconciling", "True") then
  return say("Progressing", conditions.Reconciling)
end
if conditions.Ready == nil then
  return health
end
if conditions.Ready.reason == "Suspended" then
  return say("Suspended", conditions.Ready)
end
if is("Ready", "True") then
  return say("Healthy", conditions.Ready)
end
if is("Ready", "False") then
  return say("Degraded", conditions.Ready)
end
return say("Unknown", conditions.Ready)
