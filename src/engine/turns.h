// Engines are built side by side, but their tactics are timed alone: what a clock says while other
// builds pack weights or time their own is about them. A build enters; where it wants to measure it
// asks to be alone, which it is when every other build has come to a point where it can wait.
#ifndef TFTRT_ENGINE_TURNS_H
#define TFTRT_ENGINE_TURNS_H

void turns_enter(void);
void turns_leave(void);
// Between these two no other build that has entered runs. Also for threads that have not entered.
void turns_alone(void);
void turns_together(void);

#endif
