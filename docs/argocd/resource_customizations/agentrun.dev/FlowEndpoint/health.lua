-- Health of an agentrun.dev object. Its status follows the kstatus conventions: a top-level
-- observedGeneration, and the conditions Ready, Reconciling and Stalled.
local hs = { status = "Progressing", message = "Waiting for the operator to see the object" }
if obj.status == nil or obj.status.conditions == nil then
  return hs
end
local found = {}
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Ready" or condition.status == "True" then
    found[condition.type] = condition
  end
end
-- Asked before the generation: a paused object does not observe new ones.
if found.Paused ~= nil then
  return { status = "Suspended", message = found.Paused.message }
end
if obj.status.observedGeneration == -1 then
  return hs
end
if obj.status.observedGeneration ~= obj.metadata.generation then
  hs.message = "Waiting for the operator to see the latest change"
  return hs
end
-- Needs somebody to edit something; what heals by itself is never Degraded.
if found.Stalled ~= nil then
  return { status = "Degraded", message = found.Stalled.message }
end
if found.Reconciling ~= nil then
  hs.message = found.Reconciling.message
  return hs
end
if found.Ready ~= nil then
  hs.message = found.Ready.message
  if found.Ready.status == "True" then
    hs.status = "Healthy"
  end
end
return hs
