<form action="#" method="post">
  <TMPL_VAR NAME="HIDDEN_INPUTS">
  <TMPL_IF NAME="CHOICE_VALUE"><input type="hidden" id="authKey" name="<TMPL_VAR NAME="CHOICE_PARAM">" value="<TMPL_VAR NAME="CHOICE_VALUE">"></TMPL_IF>
  <TMPL_IF NAME="AUTH_URL"><input type="hidden" name="url" value="<TMPL_VAR NAME="AUTH_URL">"></TMPL_IF>
  <TMPL_IF NAME="TOKEN"><input type="hidden" name="token" value="<TMPL_VAR NAME="TOKEN">"></TMPL_IF>
  <TMPL_IF NAME="LOGIN"><input type="hidden" name="user" value="<TMPL_VAR NAME="LOGIN" ESCAPE=HTML>" autocomplete="username"></TMPL_IF>
  <div class="hds-text-input">
    <label class="hds-text-input__label" for="oldpassword" trspan="currentPwd"></label>
    <div class="hds-text-input__input-wrapper"><input id="oldpassword" name="oldpassword" type="password" class="hds-text-input__input" required autocomplete="current-password"></div>
  </div>
  <div class="hds-text-input">
    <label class="hds-text-input__label" for="newpassword" trspan="newPassword"></label>
    <div class="hds-text-input__input-wrapper"><input id="newpassword" name="newpassword" type="password" class="hds-text-input__input" required autocomplete="new-password"<TMPL_IF NAME="password_length"> aria-describedby="length"</TMPL_IF>></div>
    <TMPL_IF NAME="password_length"><span id="length" class="hds-text-input__helper-text" trspan="passwordLength,<TMPL_VAR NAME="password_length">"></span></TMPL_IF>
  </div>
  <div class="hds-text-input">
    <label class="hds-text-input__label" for="newpassword2" trspan="confirmPwd"></label>
    <div class="hds-text-input__input-wrapper"><input id="newpassword2" name="confirmpassword" type="password" class="hds-text-input__input" required autocomplete="new-password"></div>
  </div>
  <button type="submit" class="hds-button hds-button--primary" trspan="changePwd"></button>
</form>
