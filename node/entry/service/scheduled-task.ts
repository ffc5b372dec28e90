import { serviceName, type ServiceSpec } from './service.ts'
import { xmlText } from './xml-text.ts'

/**
 * The XML of a task for Windows' Task Scheduler that runs while its user is logged on. The schema's defaults would end
 * the node on battery and after three days, and run it below normal priority.
 */
export function scheduledTask({ kind, command, home }: ServiceSpec, user: string): string {
  const args = [...command, '--home', home].map(windowsArgument).join(' ')
  return `<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.4" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>${serviceName(kind)}: a peer-to-peer grid for LLM inference</Description>
    <URI>\\${serviceName(kind)}</URI>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <UserId>${xmlText(user)}</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>${xmlText(user)}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <AllowHardTerminate>true</AllowHardTerminate>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>255</Count>
    </RestartOnFailure>
    <Enabled>true</Enabled>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>6</Priority>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>conhost.exe</Command>
      <Arguments>${xmlText(`--headless ${args}`)}</Arguments>
    </Exec>
  </Actions>
</Task>
`
}

/** A word of a Windows command line, by the rules of the C run-time library. */
function windowsArgument(word: string): string {
  if (word !== '' && !/[\s"]/.test(word)) return word
  const escaped = word.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, '$1$1')
  return `"${escaped}"`
}
